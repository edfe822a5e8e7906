import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { asciiOf, hexByte } from './format.ts';
import { baseStyles } from './theme.ts';

/** Bytes `start` to `end` (exclusive). */
export interface ByteRange {
  start: number;
  end: number;
}

/** How a range differs from the packet it is compared with. `wrong` marks e.g. a bad checksum. */
export interface ByteMark extends ByteRange {
  kind: 'changed' | 'inserted' | 'wrong';
}

/** An object, since a CustomEvent cannot carry undefined: it becomes null. */
export interface ByteHover {
  offset: number | undefined;
}

export interface HexEdit {
  bytes: Uint8Array;
}

const nibble = /^[0-9a-fA-F]$/;
const printable = /^[\x20-\x7e]$/;

/**
 * Bytes as hex and ASCII, offsets in front. Says which byte the pointer or the cursor is on (`byte-hover`, detail:
 * ByteHover), shows the range it is given, and where `editable` takes hex digits, in the text column characters, over the
 * old ones or (after Insert) between them, Delete / Backspace, and text pasted (`hex-paste`, detail: the text) or copied.
 */
@customElement('xdp-hex-pane')
export class HexPane extends LitElement {
  @property({ attribute: false }) bytes: Uint8Array = new Uint8Array();
  @property({ attribute: false }) marks: readonly ByteMark[] = [];
  @property({ attribute: false }) highlight: ByteRange | undefined;
  @property({ type: Boolean }) editable = false;
  @property() label = '';
  @state() private columns = 16;
  @state() private cursor = -1;
  /** Whether digits or characters are typed. */
  @state() private side: 'hex' | 'text' = 'hex';
  /** What is typed goes between the bytes instead of over them. */
  @state() private inserting = false;
  /** The first digit of a byte that is being typed. */
  @state() private pending = '';
  private readonly resize = new ResizeObserver(() => this.measure());

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        overflow-x: auto;
        /* The wavy line under the last row. */
        padding-bottom: 4px;
      }
      .pane {
        display: inline-block;
        min-width: 100%;
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: 12px;
        line-height: 20px;
        cursor: default;
      }
      /* The cursor shows the focus. */
      .pane:focus,
      .pane:focus-visible {
        outline: none;
      }
      .row {
        display: flex;
        white-space: pre;
      }
      .offset {
        color: var(--vscode-descriptionForeground);
        width: 5ch;
        flex: none;
        user-select: none;
      }
      .bytes,
      .ascii {
        display: flex;
        flex: none;
      }
      .ascii {
        margin-left: 1ch;
        color: var(--vscode-descriptionForeground);
      }
      .b {
        width: 3ch;
        padding: 0 0.5ch;
        text-align: center;
      }
      .b.gap {
        margin-left: 1ch;
      }
      .a {
        width: 1ch;
      }
      .absent {
        visibility: hidden;
      }
      .hl {
        background: var(--vscode-editor-findMatchHighlightBackground);
        color: var(--vscode-foreground);
      }
      .changed {
        background: var(--vscode-editorWarning-background, transparent);
        color: var(--vscode-charts-yellow);
        font-weight: 700;
      }
      .inserted {
        background: var(--vscode-diffEditor-insertedTextBackground);
        color: var(--vscode-charts-green);
        font-weight: 700;
      }
      .wrong {
        text-decoration: underline wavy var(--vscode-editorError-foreground);
        text-underline-offset: 3px;
      }
      .changed.hl,
      .inserted.hl {
        background: var(--vscode-editor-findMatchHighlightBackground);
      }
      .pane:focus-visible .cursor {
        outline: 1px solid var(--vscode-focusBorder);
        outline-offset: -1px;
      }
      .pane.inserting:focus-visible .cursor {
        outline: none;
        box-shadow: -2px 0 0 0 var(--vscode-focusBorder);
      }
      :host-context(.vscode-high-contrast) .hl {
        outline: 1px solid var(--vscode-contrastActiveBorder, var(--vscode-focusBorder));
        outline-offset: -1px;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.resize.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('bytes') && this.cursor > this.bytes.length) this.cursor = this.bytes.length;
  }

  /** 16 bytes a row where they fit, else 8, else 4: a row is 5 + 3·n + gaps + 1 + n characters wide. */
  private measure(): void {
    const probe = this.renderRoot.querySelector('.offset');
    const ch = probe === null ? 7.3 : probe.getBoundingClientRect().width / 5;
    const fits = (count: number): boolean => (6 + 4 * count + count / 8) * ch <= this.clientWidth;
    this.columns = fits(16) ? 16 : fits(8) ? 8 : 4;
  }

  protected override render(): TemplateResult {
    const rows: TemplateResult[] = [];
    const total = this.bytes.length + (this.editable ? 1 : 0);
    const marks = new Map<number, string>();
    for (const mark of this.marks) {
      for (let index = mark.start; index < mark.end; index++) {
        marks.set(index, `${marks.get(index) ?? ''} ${mark.kind}`);
      }
    }
    for (let start = 0; start < Math.max(total, 1); start += this.columns) rows.push(this.renderRow(start, marks));
    return html`<div
      class="pane ${this.inserting ? 'inserting' : ''}"
      role="grid"
      tabindex="0"
      aria-label=${this.label}
      aria-readonly=${this.editable ? 'false' : 'true'}
      aria-activedescendant=${this.cursor >= 0 ? `b${this.cursor}` : nothing}
      @pointerover=${this.onPointer}
      @pointerleave=${() => this.announce(undefined)}
      @pointerdown=${this.onPress}
      @focus=${() => this.moveTo(Math.max(this.cursor, 0))}
      @blur=${this.onBlur}
      @keydown=${this.onKey}
      @paste=${this.onPaste}
      @copy=${this.onCopy}
    >
      ${rows}
    </div>`;
  }

  private renderRow(start: number, marks: ReadonlyMap<number, string>): TemplateResult {
    const cells: TemplateResult[] = [];
    const ascii: TemplateResult[] = [];
    for (let index = start; index < start + this.columns; index++) {
      const byte = this.bytes[index];
      const lit =
        this.highlight !== undefined && index >= this.highlight.start && index < this.highlight.end ? ' hl' : '';
      const gap = index > start && (index - start) % 8 === 0 ? ' gap' : '';
      const cursor = index === this.cursor && this.side === 'hex' ? ' cursor' : '';
      const textCursor = index === this.cursor && this.side === 'text' ? ' cursor' : '';
      const place = byte === undefined && !(this.editable && index === this.bytes.length) ? ' absent' : '';
      const tone = (marks.get(index) ?? '') + lit;
      const text =
        index === this.cursor && this.pending !== '' ? `${this.pending}_` : byte === undefined ? '  ' : hexByte(byte);
      cells.push(
        html`<span id="b${index}" class="b${gap}${cursor}${place}${tone}" role="gridcell" data-offset=${index}>${text}</span>`,
      );
      ascii.push(
        html`<span class="a${textCursor}${tone}" data-offset=${index}>${byte === undefined ? ' ' : asciiOf(byte)}</span>`,
      );
    }
    return html`<div class="row" role="row">
      <span class="offset" role="rowheader">${start.toString(16).padStart(4, '0')}</span
      ><span class="bytes" role="presentation">${cells}</span><span class="ascii" aria-hidden="true">${ascii}</span>
    </div>`;
  }

  private offsetOf(event: Event): number | undefined {
    const target = event.target instanceof HTMLElement ? event.target.dataset['offset'] : undefined;
    const offset = target === undefined ? undefined : Number(target);
    return offset !== undefined && offset < this.bytes.length + (this.editable ? 1 : 0) ? offset : undefined;
  }

  private announce(offset: number | undefined): void {
    const byte = offset !== undefined && offset < this.bytes.length ? offset : undefined;
    this.dispatchEvent(
      new CustomEvent<ByteHover>('byte-hover', { detail: { offset: byte }, bubbles: true, composed: true }),
    );
  }

  private readonly onPointer = (event: Event): void => this.announce(this.offsetOf(event));

  private readonly onPress = (event: Event): void => {
    const offset = this.offsetOf(event);
    if (offset === undefined) return;
    this.side = event.target instanceof HTMLElement && event.target.classList.contains('a') ? 'text' : 'hex';
    this.moveTo(offset);
  };

  private readonly onBlur = (): void => {
    this.cursor = -1;
    this.pending = '';
    this.announce(undefined);
  };

  private moveTo(offset: number): void {
    const last = this.editable ? this.bytes.length : this.bytes.length - 1;
    this.cursor = Math.max(0, Math.min(last, offset));
    this.pending = '';
    this.announce(this.cursor);
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves: Record<string, number> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.columns,
      ArrowDown: this.columns,
      Home: -this.cursor,
      End: this.bytes.length,
    };
    const move = moves[event.key];
    if (move !== undefined) this.moveTo(this.cursor + move);
    else if (this.editable && event.key === 'Insert') this.inserting = !this.inserting;
    else if (this.editable && this.side === 'text' && printable.test(event.key)) this.put(event.key.charCodeAt(0));
    else if (this.editable && this.side === 'hex' && nibble.test(event.key)) this.type(event.key);
    else if (this.editable && event.key === 'Delete') this.removeAt(this.cursor);
    else if (this.editable && event.key === 'Backspace') this.backspace();
    else return;
    event.preventDefault();
  };

  private type(digit: string): void {
    if (this.pending === '') {
      this.pending = digit.toLowerCase();
      return;
    }
    this.put(Number.parseInt(this.pending + digit, 16));
  }

  /** A byte at the cursor: over the one there, or in front of it. */
  private put(byte: number): void {
    const { cursor, inserting } = this;
    const bytes = new Uint8Array(inserting ? this.bytes.length + 1 : Math.max(this.bytes.length, cursor + 1));
    bytes.set(this.bytes.subarray(0, cursor));
    bytes[cursor] = byte;
    const rest = this.bytes.subarray(inserting ? cursor : cursor + 1);
    bytes.set(rest, cursor + 1);
    this.emit(bytes);
    this.moveTo(cursor + 1);
  }

  private backspace(): void {
    if (this.pending !== '') this.pending = '';
    else if (this.cursor > 0) {
      this.removeAt(this.cursor - 1);
      this.moveTo(this.cursor - 1);
    }
  }

  private removeAt(offset: number): void {
    if (offset >= this.bytes.length) return;
    const bytes = new Uint8Array(this.bytes.length - 1);
    bytes.set(this.bytes.subarray(0, offset));
    bytes.set(this.bytes.subarray(offset + 1), offset);
    this.emit(bytes);
  }

  private emit(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.dispatchEvent(new CustomEvent<HexEdit>('hex-edit', { detail: { bytes } }));
  }

  private readonly onPaste = (event: ClipboardEvent): void => {
    const text = event.clipboardData?.getData('text/plain') ?? '';
    if (!this.editable || text === '') return;
    event.preventDefault();
    this.dispatchEvent(new CustomEvent<string>('hex-paste', { detail: text }));
  };

  private readonly onCopy = (event: ClipboardEvent): void => {
    if ((this.shadowRoot as ShadowRoot & { getSelection?: () => Selection | null }).getSelection?.()?.toString())
      return;
    event.preventDefault();
    event.clipboardData?.setData('text/plain', Array.from(this.bytes, hexByte).join(''));
  };
}
