/** What test/ui uses of gifenc, which has no types of its own. */
declare module 'gifenc' {
  type Palette = number[][];

  interface Frame {
    palette?: Palette;
    /** Milliseconds that it stays. */
    delay: number;
    transparent: boolean;
    transparentIndex: number;
    /** 1: what it does not cover stays. */
    dispose: number;
  }

  interface Encoder {
    writeFrame(indices: Uint8Array, width: number, height: number, frame: Frame): void;
    finish(): void;
    bytes(): Uint8Array;
  }

  const gifenc: {
    GIFEncoder(): Encoder;
    quantize(rgba: Uint8Array, colors: number): Palette;
    applyPalette(rgba: Uint8Array, palette: Palette): Uint8Array;
  };
  export default gifenc;
}
