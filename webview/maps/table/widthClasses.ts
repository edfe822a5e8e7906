/**
 * Widths as classes: cells that share all their rules share their computed style too, and a reading that gives hundreds of them another
 * look costs half. With a width in its own `style` each cell would be worked out by itself.
 */
export class WidthClasses {
  readonly sheet = new CSSStyleSheet();
  private readonly known = new Set<number>();

  /** `width`: whole pixels. */
  classOf(width: number): string {
    if (!this.known.has(width)) {
      this.known.add(width);
      this.sheet.insertRule(`td.w${width} { width: ${width}px; }`);
    }
    return `w${width}`;
  }
}
