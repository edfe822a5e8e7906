import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * A veth end takes what its peer's program sends back (XDP_TX) or on (XDP_REDIRECT) only while it has NAPI, which a program
 * of its own gives it: drivers/net/veth.c, veth_xdp_xmit(). This is such a program, as clang compiles
 * `SEC("xdp") int xdp_lab_pass(struct xdp_md *ctx) { return XDP_PASS; }`: the lab needs no compiler.
 */
const passObject =
  'f0VMRgIBAQAAAAAAAAAAAAEA9wABAAAAAAAAAAAAAAAAAAAAAAAAANgAAAAAAAAAAAAAAEAAAAAAAEAABgABALcAAAACAAAAlQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAmAAAABADx/wAAAAAAAAAAAAAAAAAAAAAHAAAAEgADAAAAAAAAAAAAEAAAAAAAAAACAC50ZXh0AHhkcF9sYWJfcGFzcwB4ZHAALmxsdm1fYWRkcnNpZwBwYXNzLmMALnN0cnRhYgAuc3ltdGFiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC0AAAADAAAAAAAAAAAAAAAAAAAAAAAAAJkAAAAAAAAAPQAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAABAAAAAQAAAAYAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAFAAAAAEAAAAGAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAACAAAAAAAAAAAAAAAAAAAABgAAAADTP9vAAAAgAAAAAAAAAAAAAAAAJgAAAAAAAAAAQAAAAAAAAAFAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAA1AAAAAgAAAAAAAAAAAAAAAAAAAAAAAABQAAAAAAAAAEgAAAAAAAAAAQAAAAIAAAAIAAAAAAAAABgAAAAAAAAA';

export async function withPassProgram<T>(work: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'xdp-lab-'));
  try {
    const file = path.join(folder, 'pass.o');
    await writeFile(file, Buffer.from(passObject, 'base64'));
    return await work(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
