/** Both kinds of store hold to one suite. */

import { storeKinds } from "./fixture.ts";
import { storeConformance } from "./store.conformance.ts";

for (const kind of storeKinds) storeConformance(kind);
