// Which version of hubctl is this?

/** Equals the version in package.json; `npm version` writes both. */
export const VERSION: string = '0.1.0';
