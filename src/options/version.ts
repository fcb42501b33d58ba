/** The version of the package; a test compares it with package.json, which a page can't read. */
export const VERSION = "0.1.0";
