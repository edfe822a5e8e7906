/** Widths of text in pixels, measured without laying anything out. */
export class TextMeasure {
  private readonly context = document.createElement('canvas').getContext('2d');
  private font = '';
  private readonly known = new Map<string, number>();

  /** Takes the font of an element; forgets what was measured in another. */
  useFontOf(element: Element): boolean {
    const { fontStyle, fontWeight, fontSize, fontFamily } = getComputedStyle(element);
    const font = `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`;
    if (font === this.font || this.context === null) return false;
    this.font = font;
    this.context.font = font;
    this.known.clear();
    return true;
  }

  /** Digits all count as wide as `0`, as they are with tabular figures. */
  width(text: string): number {
    const shape = text.replace(/\d/g, '0');
    const known = this.known.get(shape);
    if (known !== undefined) return known;
    const width = this.context?.measureText(shape).width ?? 8 * shape.length;
    // Keys are data of others: what they say must not fill the memory.
    if (this.known.size > 4096) this.known.clear();
    this.known.set(shape, width);
    return width;
  }
}
