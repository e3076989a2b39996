// Gives each test a folder of its own and removes it afterwards.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty folder; it is gone after the test that calls this. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'hubctl-test-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
