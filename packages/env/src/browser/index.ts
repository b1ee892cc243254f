/** The world of a browser; imports nothing of Node. */
export { createBrowserClock } from "../browser-clock.ts";
export { createBrowserEnv } from "../browser-env.ts";
export { browserLocks, browserPage, type LastWord, type Locks, type Page } from "../browser-page.ts";
