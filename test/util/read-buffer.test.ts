import { expect, test } from 'vitest';
import { readBuffer, roomAt } from '../../src/util/read-buffer.ts';

const SIZE = 256 * 1024;

test.each([0, 1, 100, 2047, 2048, 4095, 4096, 262_144, 1_000_000_007])(
  'what is at %d of a file comes to lie half a page from where it lies in pages of the file',
  (position) => {
    const buffer = readBuffer(SIZE);
    const room = roomAt(buffer, position, SIZE);
    expect((room.byteOffset - buffer.byteOffset - position + 4096 * 1_000_000) % 4096).toBe(2048);
  },
);

test.each([0, 2047, 2048, 4095])('there is room for all of the size, and no more, from %d', (position) => {
  const buffer = readBuffer(SIZE);
  const room = roomAt(buffer, position, SIZE);
  expect(room.length).toBe(SIZE);
  expect(room.buffer).toBe(buffer.buffer);
  expect(roomAt(buffer, position, 7).length).toBe(7);
});
