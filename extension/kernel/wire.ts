import {
  AbstractMessageReader,
  AbstractMessageWriter,
  createMessageConnection,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageConnection,
} from 'vscode-jsonrpc/node';

/**
 * JSON-RPC messages in which a `Uint8Array` travels as bytes and a `bigint` as itself.
 *
 * One message body: `u32 jsonLength`, the JSON, `u32 count`, `count × u32` attachment lengths, the attachments (all
 * little-endian). In the JSON an attachment is `{"$bytes": index}`, a bigint `{"$bigint": "decimal"}`, and a plain
 * object whose only key starts with `$` is wrapped as `{"$object": …}` so that nothing of the user's is mistaken.
 */
export function encodeMessage(message: unknown): Uint8Array {
  return encodeFrame(message).subarray(frameHeaderBytes);
}

function encodeFrame(message: unknown): Uint8Array {
  const attachments: Uint8Array[] = [];
  const json = Buffer.from(JSON.stringify(pack(message, attachments)), 'utf8');
  const headBytes = 4 + json.length + 4 + 4 * attachments.length;
  const total = attachments.reduce((sum, attachment) => sum + attachment.length, headBytes);
  const out = Buffer.allocUnsafe(frameHeaderBytes + total);
  let at = out.writeUInt32LE(total, 0);
  at = out.writeUInt32LE(json.length, at);
  at += json.copy(out, at);
  at = out.writeUInt32LE(attachments.length, at);
  for (const attachment of attachments) at = out.writeUInt32LE(attachment.length, at);
  for (const attachment of attachments) {
    out.set(attachment, at);
    at += attachment.length;
  }
  return out;
}

/** Throws a plain Error on a body that does not hold together; attachments are copies, aligned and free of their message. */
export function decodeMessage(body: Uint8Array): unknown {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const u32 = (at: number): number => {
    if (at + 4 > body.length) throw new Error('A helper message is cut short');
    return view.getUint32(at, true);
  };
  const jsonLength = u32(0);
  const lengthsAt = 4 + jsonLength + 4;
  const count = u32(4 + jsonLength);
  let at = lengthsAt + 4 * count;
  if (at > body.length) throw new Error('A helper message is cut short');
  const attachments: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const length = u32(lengthsAt + 4 * index);
    if (at + length > body.length) throw new Error('A helper message is cut short');
    attachments.push(new Uint8Array(body.subarray(at, at + length)));
    at += length;
  }
  if (at !== body.length) throw new Error('A helper message has bytes that belong to nothing');
  const json = Buffer.from(body.buffer, body.byteOffset + 4, jsonLength).toString('utf8');
  return unpack(JSON.parse(json), attachments);
}

function pack(value: unknown, attachments: Uint8Array[]): unknown {
  if (typeof value === 'bigint') return { $bigint: value.toString() };
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { $bytes: attachments.push(value) - 1 };
  if (Array.isArray(value)) return value.map((item) => pack(item, attachments));
  const packed: Record<string, unknown> = Object.create(null);
  const keys = Object.keys(value);
  for (const key of keys) packed[key] = pack((value as Record<string, unknown>)[key], attachments);
  return keys.length === 1 && keys[0]?.startsWith('$') === true ? { $object: packed } : packed;
}

function unpack(value: unknown, attachments: readonly Uint8Array[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => unpack(item, attachments));
  const record = value as Record<string, unknown>;
  const [key, ...others] = Object.keys(record);
  if (key === undefined || others.length > 0) return unpackFields(record, attachments);
  const inner = record[key];
  if (key === '$bytes') {
    const attachment = typeof inner === 'number' ? attachments[inner] : undefined;
    if (attachment === undefined) throw new Error('A helper message names an attachment that it does not carry');
    return attachment;
  }
  if (key === '$bigint') return BigInt(String(inner));
  if (key === '$object') return unpackFields(inner as Record<string, unknown>, attachments);
  return unpackFields(record, attachments);
}

function unpackFields(record: Record<string, unknown>, attachments: readonly Uint8Array[]): Record<string, unknown> {
  const fields: [string, unknown][] = Object.entries(record).map(([key, inner]) => [key, unpack(inner, attachments)]);
  // fromEntries defines, where assignment of a key named __proto__ would not.
  return Object.fromEntries(fields);
}

/** A frame is `u32 length` and a message body; one write each, which vscode-jsonrpc's own two-part messages are not. */
const frameHeaderBytes = 4;
/** Nothing that the contract carries comes near; a larger number means that the stream is not ours. */
const maxFrameBytes = 1 << 30;

class FrameReader extends AbstractMessageReader {
  readonly #input: NodeJS.ReadableStream;

  constructor(input: NodeJS.ReadableStream) {
    super();
    this.#input = input;
  }

  listen(callback: DataCallback): Disposable {
    const frames = new FrameSplitter();
    const onData = (chunk: Uint8Array): void => {
      try {
        for (const body of frames.push(chunk)) callback(decodeMessage(body) as Message);
      } catch (error) {
        this.#input.removeListener('data', onData);
        this.fireError(error);
        this.fireClose();
      }
    };
    this.#input.on('data', onData);
    this.#input.on('error', (error) => this.fireError(error));
    this.#input.on('end', () => this.fireClose());
    return { dispose: () => void this.#input.removeListener('data', onData) };
  }
}

class FrameWriter extends AbstractMessageWriter {
  readonly #output: NodeJS.WritableStream;

  constructor(output: NodeJS.WritableStream) {
    super();
    this.#output = output;
    output.on('error', (error) => this.fireError(error));
    output.on('close', () => this.fireClose());
  }

  write(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#output.write(encodeFrame(message), (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
  }

  end(): void {
    this.#output.end();
  }
}

/** Cuts a stream of chunks into message bodies. */
export class FrameSplitter {
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  push(chunk: Uint8Array): Uint8Array[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const bodies: Uint8Array[] = [];
    for (let body = this.#next(); body !== undefined; body = this.#next()) bodies.push(body);
    return bodies;
  }

  #next(): Uint8Array | undefined {
    const length = this.#peekLength();
    if (length === undefined || this.#bytes < frameHeaderBytes + length) return undefined;
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks, this.#bytes)];
    const [all] = this.#chunks as [Uint8Array];
    const end = frameHeaderBytes + length;
    this.#chunks = end === all.length ? [] : [all.subarray(end)];
    this.#bytes -= end;
    return all.subarray(frameHeaderBytes, end);
  }

  #peekLength(): number | undefined {
    if (this.#bytes < frameHeaderBytes) return undefined;
    const [first] = this.#chunks as [Uint8Array];
    if (first.length < frameHeaderBytes) this.#chunks = [Buffer.concat(this.#chunks, this.#bytes)];
    const [head] = this.#chunks as [Uint8Array];
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
    if (length > maxFrameBytes) throw new Error('What comes through the helper pipe is not its protocol');
    return length;
  }
}

/** Both ends of the pipe between session and helper are made here, so they cannot disagree. */
export function createWireConnection(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): MessageConnection {
  return createMessageConnection(new FrameReader(input), new FrameWriter(output));
}
