/** The limits that every instance and client keeps. A name ends in its unit. Contract: "Limits, each with its own code". */

export const limits = {
  bodyBytesMax: 64 * 1024 * 1024,
  batchEventsMax: 100_000,
  eventBytesMax: 1024 * 1024,
  eventFieldsMax: 500,
  fieldNameBytesMax: 256,
  stringBytesMax: 64 * 1024,
  nestingDepthMax: 32,
  collectionNameCharsMax: 64,
  sourceNameCharsMax: 200,
  cursorPartCharsMax: 64,
  gapReasonCharsMax: 1000,
  conflictsKeptMax: 1000,
  groupsDefaultCount: 1000,
  groupsMax: 100_000,
  eventsDefaultCount: 100,
  seriesPointsMax: 1_000_000,
  queryTextBytesMax: 64 * 1024,
} as const;
