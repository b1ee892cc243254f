/** The release, as `--version` and `/v1/instance` name it. A test compares it with the package's manifest. */
export const version = "0.1.0";
