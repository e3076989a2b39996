// How is something made when it is first needed, and then kept?

export interface Once<T> {
  (): Promise<T>;
  /** Whether anybody has asked for it. */
  made(): boolean;
}

/** Makes it at the first call; every call gets the same, also when that failed. */
export function once<T>(make: () => Promise<T>): Once<T> {
  let made: Promise<T> | undefined;
  const get = (): Promise<T> => {
    made ??= make();
    return made;
  };
  return Object.assign(get, { made: () => made !== undefined });
}
