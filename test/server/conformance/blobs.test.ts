// Do blobs go in and out as the official conformance suite wants it, with both algorithms?
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/spec/digest.ts';
import { codesOf, locationOf, newServed, type Answer, type Served } from '../../helpers/served.ts';

const BYTES = Buffer.from('the content of a blob, which is longer than its pieces');
const UPLOADS = '/v2/conf/a/blobs/uploads/';

describe.each(['sha256', 'sha512'])('blobs by %s', (algorithm) => {
  const digest = digestOf(BYTES, algorithm);
  const wrong = digestOf('something else', algorithm);

  async function open(served: Served): Promise<string> {
    const answer = await served.ask(`${UPLOADS}?digest-algorithm=${algorithm}`, { method: 'POST' });
    expect(answer.status).toBe(202);
    return locationOf(answer);
  }

  function patch(served: Served, location: string, [start, end]: readonly [number, number]): Promise<Answer> {
    return served.ask(location, {
      method: 'PATCH',
      headers: { 'content-range': `${start}-${end - 1}`, 'content-type': 'application/octet-stream' },
      body: BYTES.subarray(start, end),
    });
  }

  /** The Location of a 201 gives the blob, and so does its address. */
  async function expectStored(served: Served, answer: Answer, bytes: Buffer = BYTES): Promise<void> {
    const expected = digestOf(bytes, algorithm);
    expect(answer.status).toBe(201);
    expect(answer.headers['docker-content-digest']).toBe(expected);
    expect(locationOf(answer)).toBe(`/v2/conf/a/blobs/${expected}`);
    const [got, head] = [
      await served.ask(locationOf(answer)),
      await served.ask(locationOf(answer), { method: 'HEAD' }),
    ];
    expect(got.status).toBe(200);
    expect(got.body.equals(bytes)).toBe(true);
    for (const { headers } of [got, head]) {
      expect(headers['content-length']).toBe(String(bytes.length));
      expect(headers['docker-content-digest']).toBe(expected);
    }
    expect([head.status, head.body.length]).toEqual([200, 0]);
  }

  test('a blob that is not there is unknown', async () => {
    const served = await newServed();
    const answer = await served.ask(`/v2/conf/a/blobs/${digest}`);
    expect(answer.status).toBe(404);
    expect(codesOf(answer)).toEqual(['BLOB_UNKNOWN']);
    const head = await served.ask(`/v2/conf/a/blobs/${digest}`, { method: 'HEAD' });
    expect([head.status, head.body.length]).toEqual([404, 0]);
  });

  test('one POST with digest and body stores it', async () => {
    const served = await newServed();
    await expectStored(served, await served.ask(`${UPLOADS}?digest=${digest}`, { method: 'POST', body: BYTES }));
  });

  test('POST and PUT store it', async () => {
    const served = await newServed();
    const location = await open(served);
    await expectStored(served, await served.ask(`${location}?digest=${digest}`, { method: 'PUT', body: BYTES }));
  });

  test('one chunk and a PUT store it', async () => {
    const served = await newServed();
    const patched = await patch(served, await open(served), [0, BYTES.length]);
    expect([patched.status, patched.headers['range']]).toEqual([202, `0-${BYTES.length - 1}`]);
    await expectStored(served, await served.ask(`${locationOf(patched)}?digest=${digest}`, { method: 'PUT' }));
  });

  test('several chunks and a PUT store it', async () => {
    const served = await newServed();
    let location = await open(served);
    for (const part of [
      [0, 10],
      [10, 11],
      [11, BYTES.length],
    ] as const) {
      const patched = await patch(served, location, part);
      expect([patched.status, patched.headers['range']]).toEqual([202, `0-${part[1] - 1}`]);
      location = locationOf(patched);
    }
    await expectStored(served, await served.ask(`${location}?digest=${digest}`, { method: 'PUT' }));
  });

  test('the PUT may bring the last chunk', async () => {
    const served = await newServed();
    const patched = await patch(served, await open(served), [0, 20]);
    const last = {
      method: 'PUT',
      headers: { 'content-range': `20-${BYTES.length - 1}` },
      body: BYTES.subarray(20),
    };
    await expectStored(served, await served.ask(`${locationOf(patched)}?digest=${digest}`, last));
  });

  test('a stream without length or range stores it', async () => {
    const served = await newServed();
    const location = await open(served);
    const patched = await served.ask(location, { method: 'PATCH', body: BYTES, streamed: true });
    expect([patched.status, patched.headers['range']]).toEqual([202, `0-${BYTES.length - 1}`]);
    await expectStored(served, await served.ask(`${locationOf(patched)}?digest=${digest}`, { method: 'PUT' }));
  });

  test('a mount from another repository stores it without a body', async () => {
    const served = await newServed();
    await served.pushBlob('conf/b', BYTES, algorithm);
    await expectStored(served, await served.ask(`${UPLOADS}?mount=${digest}&from=conf/b`, { method: 'POST' }));
  });

  test('a mount needs no repository to be named', async () => {
    const served = await newServed();
    await served.pushBlob('conf/b', BYTES, algorithm);
    await expectStored(served, await served.ask(`${UPLOADS}?mount=${digest}`, { method: 'POST' }));
  });

  test('a mount of what is not there opens a session', async () => {
    const served = await newServed();
    const answer = await served.ask(`${UPLOADS}?mount=${digest}&from=conf/b`, { method: 'POST' });
    expect(answer.status).toBe(202);
    await expectStored(
      served,
      await served.ask(`${locationOf(answer)}?digest=${digest}`, { method: 'PUT', body: BYTES }),
    );
  });

  test('a mount looks only where it is told to', async () => {
    const served = await newServed();
    await served.pushBlob('conf/b', BYTES, algorithm);
    const answer = await served.ask(`${UPLOADS}?mount=${digest}&from=conf/c`, { method: 'POST' });
    expect(answer.status).toBe(202);
    expect((await served.ask(`/v2/conf/a/blobs/${digest}`)).status).toBe(404);
  });

  test('a cancelled session is gone', async () => {
    const served = await newServed();
    const location = await open(served);
    await patch(served, location, [0, 10]);
    expect((await served.ask(location, { method: 'DELETE' })).status).toBe(204);
    const after = await served.ask(location);
    expect(after.status).toBe(404);
    expect(codesOf(after)).toEqual(['BLOB_UPLOAD_UNKNOWN']);
    expect((await served.ask(location, { method: 'DELETE' })).status).toBe(404);
    expect((await served.ask(`${location}?digest=${digest}`, { method: 'PUT', body: BYTES })).status).toBe(404);
  });

  test.each([
    ['after a gap', [20, 30]],
    ['twice', [0, 10]],
    ['overlapping', [5, 15]],
  ] as const)('a chunk that comes %s is refused, and the right one is taken after it', async (_, part) => {
    const served = await newServed();
    const location = await open(served);
    await patch(served, location, [0, 10]);
    const refused = await patch(served, location, part);
    expect(refused.status).toBe(416);
    expect(refused.headers['range']).toBe('0-9');
    const status = await served.ask(location);
    expect([status.status, status.headers['range'], status.body.length]).toEqual([204, '0-9', 0]);
    const right = await patch(served, locationOf(status), [10, BYTES.length]);
    expect(right.status).toBe(202);
    await expectStored(served, await served.ask(`${locationOf(right)}?digest=${digest}`, { method: 'PUT' }));
  });

  test('a last chunk out of order is refused, and the right one is taken after it', async () => {
    const served = await newServed();
    const location = await open(served);
    await patch(served, location, [0, 10]);
    const last = (start: number): Promise<Answer> =>
      served.ask(`${location}?digest=${digest}`, {
        method: 'PUT',
        headers: { 'content-range': `${start}-${BYTES.length - 1}` },
        body: BYTES.subarray(start),
      });
    expect((await last(20)).status).toBe(416);
    expect((await served.ask(location)).headers['range']).toBe('0-9');
    await expectStored(served, await last(10));
  });

  test.each([
    ['bytes=0-4', [0, 5]],
    ['bytes=10-', [10, BYTES.length]],
    ['bytes=-7', [BYTES.length - 7, BYTES.length]],
    ['bytes=10-9999', [10, BYTES.length]],
    ['bytes=-9999', [0, BYTES.length]],
    ['bytes=0-0', [0, 1]],
  ] as const)('the range %s is answered with just that part', async (range, [start, end]) => {
    const served = await newServed();
    await served.pushBlob('conf/a', BYTES, algorithm);
    const answer = await served.ask(`/v2/conf/a/blobs/${digest}`, { headers: { range } });
    expect(answer.status).toBe(206);
    expect(answer.headers['content-range']).toBe(`bytes ${start}-${end - 1}/${BYTES.length}`);
    expect(answer.headers['content-length']).toBe(String(end - start));
    expect(answer.body.equals(BYTES.subarray(start, end))).toBe(true);
  });

  test.each(['bytes=9999-', 'bytes=5-3', 'bytes=-0'])('the range %s cannot be had', async (range) => {
    const served = await newServed();
    await served.pushBlob('conf/a', BYTES, algorithm);
    const answer = await served.ask(`/v2/conf/a/blobs/${digest}`, { headers: { range } });
    expect(answer.status).toBe(416);
    expect(answer.headers['content-range']).toBe(`bytes */${BYTES.length}`);
    expect(codesOf(answer)).toEqual(['RANGE_INVALID']);
  });

  test('the empty blob and the empty object are blobs like others', async () => {
    const served = await newServed();
    for (const bytes of [Buffer.alloc(0), Buffer.from('{}')]) {
      const target = `digest=${digestOf(bytes, algorithm)}`;
      await expectStored(served, await served.ask(`${UPLOADS}?${target}`, { method: 'POST', body: bytes }), bytes);
      const location = await open(served);
      await expectStored(served, await served.ask(`${location}?${target}`, { method: 'PUT', body: bytes }), bytes);
      const patched = await served.ask(await open(served), { method: 'PATCH', body: bytes });
      expect(patched.status).toBe(202);
      expect(patched.headers['range']).toBe(bytes.length === 0 ? '0-0' : '0-1');
      await expectStored(served, await served.ask(`${locationOf(patched)}?${target}`, { method: 'PUT' }), bytes);
    }
  });

  test.each(['post only', 'post and put', 'chunked', 'put chunk', 'stream'])(
    'content with another digest is refused: %s',
    async (way) => {
      const served = await newServed();
      const put = async (location: string, body?: Buffer, headers = {}): Promise<Answer> =>
        served.ask(`${location}?digest=${wrong}`, { method: 'PUT', headers, ...(body && { body }) });
      const send: Readonly<Record<string, () => Promise<Answer>>> = {
        'post only': () => served.ask(`${UPLOADS}?digest=${wrong}`, { method: 'POST', body: BYTES }),
        'post and put': async () => put(await open(served), BYTES),
        chunked: async () => put(locationOf(await patch(served, await open(served), [0, BYTES.length]))),
        'put chunk': async () =>
          put(locationOf(await patch(served, await open(served), [0, 9])), BYTES.subarray(9), {
            'content-range': `9-${BYTES.length - 1}`,
          }),
        stream: async () =>
          put(locationOf(await served.ask(await open(served), { method: 'PATCH', body: BYTES, streamed: true }))),
      };
      const answer = await send[way]?.();
      expect(answer?.status).toBe(400);
      expect(answer && codesOf(answer)).toEqual(['DIGEST_INVALID']);
      for (const one of [digest, wrong]) expect((await served.ask(`/v2/conf/a/blobs/${one}`)).status).toBe(404);
    },
  );

  test('a deleted blob is gone at once, in that repository only', async () => {
    const served = await newServed();
    await served.pushBlob('conf/a', BYTES, algorithm);
    await served.pushBlob('conf/b', BYTES, algorithm);
    const path = `/v2/conf/a/blobs/${digest}`;
    expect((await served.ask(path, { method: 'DELETE' })).status).toBe(202);
    expect((await served.ask(path, { method: 'HEAD' })).status).toBe(404);
    expect((await served.ask(path, { method: 'DELETE' })).status).toBe(404);
    expect((await served.ask(`/v2/conf/b/blobs/${digest}`)).body.equals(BYTES)).toBe(true);
  });

  test('a session for the other algorithm may still end with this one', async () => {
    const served = await newServed();
    const other = algorithm === 'sha256' ? 'sha512' : 'sha256';
    const answer = await served.ask(`${UPLOADS}?digest-algorithm=${other}`, { method: 'POST' });
    await expectStored(
      served,
      await served.ask(`${locationOf(answer)}?digest=${digest}`, { method: 'PUT', body: BYTES }),
    );
  });
});

describe('upload sessions', () => {
  test('a new session has received nothing and says where it is', async () => {
    const served = await newServed();
    const answer = await served.ask(UPLOADS, { method: 'POST' });
    expect(answer.status).toBe(202);
    expect(answer.headers['range']).toBe('0-0');
    expect(locationOf(answer)).toBe(`${UPLOADS}${String(answer.headers['docker-upload-uuid'])}`);
    expect((await served.ask(locationOf(answer))).status).toBe(204);
  });

  test('an unknown algorithm is refused', async () => {
    const served = await newServed();
    const answer = await served.ask(`${UPLOADS}?digest-algorithm=md5`, { method: 'POST' });
    expect([answer.status, codesOf(answer)]).toEqual([400, ['DIGEST_INVALID']]);
    expect((await served.ask(`${UPLOADS}?digest=md5:0123`, { method: 'POST', body: 'x' })).status).toBe(400);
  });

  test('a session belongs to its repository', async () => {
    const served = await newServed();
    const location = locationOf(await served.ask(UPLOADS, { method: 'POST' }));
    expect((await served.ask(location.replace('conf/a', 'conf/b'))).status).toBe(404);
  });

  test('a session is not ended without a digest', async () => {
    const served = await newServed();
    const location = locationOf(await served.ask(UPLOADS, { method: 'POST' }));
    const answer = await served.ask(location, { method: 'PUT', body: BYTES });
    expect([answer.status, codesOf(answer)]).toEqual([400, ['DIGEST_INVALID']]);
    const right = `${location}?digest=${digestOf(BYTES)}`;
    expect((await served.ask(right, { method: 'PUT', body: BYTES })).status).toBe(201);
  });

  test('a chunk whose length is not that of its range is refused', async () => {
    const served = await newServed();
    const location = locationOf(await served.ask(UPLOADS, { method: 'POST' }));
    const answer = await served.ask(location, {
      method: 'PATCH',
      headers: { 'content-range': '0-99' },
      body: 'short',
    });
    expect([answer.status, codesOf(answer)]).toEqual([400, ['SIZE_INVALID']]);
    expect((await served.ask(location)).headers['range']).toBe('0-0');
  });

  test('a blob of one POST that cannot be stored leaves nothing, since nobody could go on with it', async () => {
    const served = await newServed();
    writeFileSync(join(served.dir, 'blobs'), 'in the way');
    const answer = await served.ask(`${UPLOADS}?digest=${digestOf(BYTES)}`, { method: 'POST', body: BYTES });
    expect([answer.status, codesOf(answer)]).toEqual([500, ['UNKNOWN']]);
    expect(readdirSync(join(served.dir, 'uploads'))).toEqual([]);
    expect(served.warnings).toHaveLength(1);
  });

  test('ranges that are none are refused', async () => {
    const served = await newServed();
    const location = locationOf(await served.ask(UPLOADS, { method: 'POST' }));
    for (const range of ['x', '5', '-5', '0-', 'bytes 4-2', '0-4, 5-6']) {
      const answer = await served.ask(location, {
        method: 'PATCH',
        headers: { 'content-range': range },
        body: 'hello',
      });
      expect([range, answer.status]).toEqual([range, 416]);
    }
  });

  test('a registry with a smallest chunk tells it and keeps to it', async () => {
    const served = await newServed({ chunkMinLength: 10 });
    const opened = await served.ask(UPLOADS, { method: 'POST' });
    expect(opened.headers['oci-chunk-min-length']).toBe('10');
    const location = locationOf(opened);
    const patch = (start: number, end: number): Promise<Answer> =>
      served.ask(location, {
        method: 'PATCH',
        headers: { 'content-range': `${start}-${end - 1}` },
        body: BYTES.subarray(start, end),
      });
    expect((await patch(0, 10)).status).toBe(202);
    expect((await patch(10, 15)).status).toBe(202);
    const refused = await patch(15, 30);
    expect([refused.status, codesOf(refused)]).toEqual([400, ['SIZE_INVALID']]);
  });

  test('a registry that is read-only takes nothing', async () => {
    const served = await newServed({ readOnly: true });
    const answer = await served.ask(UPLOADS, { method: 'POST' });
    expect([answer.status, codesOf(answer)]).toEqual([405, ['UNSUPPORTED']]);
  });

  test('a registry that deletes nothing says so', async () => {
    const served = await newServed({ allowDelete: false });
    const digest = await served.pushBlob('conf/a', BYTES);
    const answer = await served.ask(`/v2/conf/a/blobs/${digest}`, { method: 'DELETE' });
    expect([answer.status, codesOf(answer)]).toEqual([405, ['UNSUPPORTED']]);
    expect((await served.ask(`/v2/conf/a/blobs/${digest}`)).status).toBe(200);
  });

  test('methods that a resource does not have are refused with those it has', async () => {
    const served = await newServed();
    const digest = await served.pushBlob('conf/a', BYTES);
    const location = locationOf(await served.ask(UPLOADS, { method: 'POST' }));
    for (const [path, allow] of [
      [UPLOADS, 'POST'],
      [location, 'GET, PATCH, PUT, DELETE'],
      [`/v2/conf/a/blobs/${digest}`, 'GET, HEAD, DELETE'],
    ] as const) {
      const method = path === UPLOADS ? 'GET' : 'POST';
      const answer = await served.ask(path, { method });
      expect([path, answer.status, answer.headers.allow]).toEqual([path, 405, allow]);
    }
  });
});

describe('blobs that a client has already', () => {
  test('need not be sent again', async () => {
    const served = await newServed();
    const digest = await served.pushBlob('conf/a', BYTES);
    const path = `/v2/conf/a/blobs/${digest}`;
    const same = await served.ask(path, { headers: { 'if-none-match': `"x", W/"${digest}"` } });
    expect([same.status, same.body.length]).toEqual([304, 0]);
    expect((await served.ask(path, { headers: { 'if-none-match': '"x"' } })).status).toBe(200);
  });

  test('are continued only if they are still the same', async () => {
    const served = await newServed();
    const digest = await served.pushBlob('conf/a', BYTES);
    const path = `/v2/conf/a/blobs/${digest}`;
    const part = await served.ask(path, { headers: { range: 'bytes=3-', 'if-range': `"${digest}"` } });
    expect(part.status).toBe(206);
    const whole = await served.ask(path, { headers: { range: 'bytes=3-', 'if-range': '"other"' } });
    expect([whole.status, whole.body.length]).toEqual([200, BYTES.length]);
  });
});
