import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createWireConnection, decodeMessage, encodeMessage, FrameSplitter } from '../../extension/kernel/wire.ts';

const roundTrip = (value: unknown) => decodeMessage(encodeMessage(value));

test('whatever JSON can say, bytes and bigints travel as they are', () => {
  const leaf = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.bigInt(),
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  );
  const key = fc.oneof(fc.string(), fc.constantFrom('$bytes', '$bigint', '$object', '__proto__', '$'));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('value')), fc.dictionary(key, tie('value'))),
  }));
  fc.assert(
    fc.property(value, (one) => {
      expect(roundTrip({ one })).toEqual({ one: plain(one) });
    }),
    { numRuns: 300 },
  );
});

/** fast-check makes some dictionaries without a prototype. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

test('a Buffer arrives as bytes, and as a copy', () => {
  const body = encodeMessage({ data: Buffer.from('abc') });
  const { data } = decodeMessage(body) as { data: Uint8Array };
  body.fill(0);
  expect(data).toEqual(new Uint8Array([97, 98, 99]));
  expect(data.buffer.byteLength).toBe(3);
});

test('bytes cost their length and little more', () => {
  expect(encodeMessage({ values: new Uint8Array(1_000_000) }).length).toBeLessThan(1_000_100);
});

test('a body that does not hold together is an error, whatever was cut or changed', () => {
  const whole = encodeMessage({ id: 1, result: { keys: new Uint8Array(20), atNs: 12n } });
  for (let length = 0; length < whole.length; length++) {
    expect(() => decodeMessage(whole.subarray(0, length))).toThrow();
  }
  expect(() => decodeMessage(Buffer.concat([whole, Buffer.alloc(1)]))).toThrow('belong to nothing');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeMessage(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect(error).not.toBeInstanceOf(RangeError);
      }
    }),
  );
});

test('frames come out whole however the stream is cut', () => {
  const bodies = [0, 1, 5, 70_000, 3].map((length) =>
    encodeMessage({ length, data: new Uint8Array(length).fill(length) }),
  );
  const stream = Buffer.concat(
    bodies.map((body) => {
      const header = Buffer.alloc(4);
      header.writeUInt32LE(body.length);
      return Buffer.concat([header, body]);
    }),
  );
  for (const size of [1, 2, 3, 7, 1000, 65_536, stream.length]) {
    const splitter = new FrameSplitter();
    const out: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size) {
      out.push(...splitter.push(stream.subarray(at, at + size)).map((body) => Buffer.from(body)));
    }
    expect(out.map((body) => body.toString('base64'))).toEqual(
      bodies.map((body) => Buffer.from(body).toString('base64')),
    );
  }
  expect(() => new FrameSplitter().push(Buffer.from('Content-Length: 4\r\n'))).toThrow('not its protocol');
});

test('a request and its answer', async () => {
  const there = new PassThrough();
  const back = new PassThrough();
  const server = createWireConnection(there, back);
  server.onRequest('double', ({ bytes, n }: { bytes: Uint8Array; n: bigint }) => ({
    bytes: bytes.map((byte) => byte * 2),
    n: n * 2n,
  }));
  server.listen();
  const client = createWireConnection(back, there);
  client.listen();
  expect(await client.sendRequest('double', { bytes: Uint8Array.of(1, 2), n: 1n << 62n })).toEqual({
    bytes: Uint8Array.of(2, 4),
    n: 1n << 63n,
  });
  client.dispose();
  server.dispose();
});
