/** What the tests of other packages get from this one: the simulated world. */
export { SimClock } from "../sim-clock.ts";
export { createSimEnv, type SimEnv } from "../sim-env.ts";
export { type SimFault, SimFiles, type SimOperation } from "../sim-files.ts";
export { noAnswer, type SimHandler, SimNetwork } from "../sim-network.ts";
export { Prng } from "../sim-random.ts";
export { settle } from "./settle.ts";
