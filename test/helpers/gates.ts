// How does a test hold something back until it has seen what happens meanwhile?

export interface TestGate {
  readonly opened: Promise<void>;
  open(): void;
  fail(error: unknown): void;
}

export function newGate(): TestGate {
  let [open, fail]: [() => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const opened = new Promise<void>((resolve, reject) => {
    [open, fail] = [resolve, reject];
  });
  return { opened, open, fail };
}
