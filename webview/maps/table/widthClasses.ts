/**
 * Widths as classes: cells that share all their rules share their computed style too, and a reading that gives hundreds of them another
 * look costs half. With a width in its own `style` each cell would be worked out by itself.
 */
export class WidthClasses {
  readonly sheet = new CSSStyleSheet();
  private readonly known = new Set<string>();

  /** `width`: whole pixels. */
  classOf(width: number): string {
    return this.ruleFor(`w${width}`, `width: ${width}px`);
  }

  /** For the first cell after columns out of sight. `width`: whole pixels of these. */
  skipping(width: number): string {
    return this.ruleFor(`skip${width}`, `margin-left: ${width}px`);
  }

  private ruleFor(name: string, style: string): string {
    if (!this.known.has(name)) {
      this.known.add(name);
      this.sheet.insertRule(`.${name} { ${style}; }`);
    }
    return name;
  }
}
