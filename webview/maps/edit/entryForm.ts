import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '@vscode-elements/elements/dist/vscode-button/index.js';
import { prefixKeyOf } from '../../../extension/core/maps/prefix.ts';
import { fill } from '../../common/format.ts';
import { baseStyles, inputStyles } from '../../common/theme.ts';
import type { Leaf } from '../data/leaves.ts';
import type { SetRequest } from '../data/mapEditor.ts';
import type { MapModel } from '../data/mapModel.ts';
import type { Row } from '../data/rowCache.ts';
import { strings } from '../strings.ts';
import { choicesOf, editableText, expectedOf, keyFrom, keyOf, placeholderOf, typedValue, writeLeaf } from './encode.ts';
import { entryFormStyles } from './entryFormStyles.ts';

/** Where an input is: a field of the key or of the value, by its number. */
type Place = `${'key' | 'value'} ${number}`;

/**
 * An entry to add, or one to change: an input for each field, as its type wants it. Of a per-CPU map for all CPUs or for one;
 * only what was typed is written, the rest of each CPU's value stays. Fires `save` with what to set, and `cancel`.
 */
@customElement('xdp-entry-form')
export class EntryForm extends LitElement {
  @property({ attribute: false }) model: MapModel | undefined;
  /** undefined: a new entry. */
  @property({ attribute: false }) row: Row | undefined;
  /** Place among the possible CPUs; undefined: all. */
  @property({ attribute: false }) slotOf: number | undefined;
  /** Why the last attempt failed. */
  @property() failure = '';
  @state() private typed = new Map<Place, string>();
  @state() private wrong: { place: Place | undefined; text: string } | undefined;

  static override styles = [baseStyles, inputStyles, entryFormStyles];

  protected override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLElement>('input, select')?.focus();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { model, row } = this;
    if (model === undefined) return nothing;
    const title = row === undefined ? strings.addTitle : fill(strings.editTitle, { key: model.keyText(row.key) });
    return html`<form aria-label=${title} @submit=${this.onSubmit} @keydown=${this.onKey}>
      <h3>${title}</h3>
      <div class="fields">
        ${row === undefined && model.schema.keySize > 0 ? this.renderPart('key', model.keyFields) : nothing}
        ${model.perCpu ? this.renderCpus(model) : nothing}
        ${this.renderPart('value', model.valueFields)}
      </div>
      ${this.wrong === undefined && this.failure === '' ? nothing : html`<p class="wrong" role="alert">${this.wrong?.text ?? this.failure}</p>`}
      <div class="buttons">
        <vscode-button @click=${this.onSubmit}>${row === undefined ? strings.add : strings.set}</vscode-button>
        <vscode-button secondary @click=${this.cancel}>${strings.cancel}</vscode-button>
        <input type="submit" hidden />
      </div>
    </form>`;
  }

  private renderPart(part: 'key' | 'value', fields: readonly Leaf[]): TemplateResult {
    const heading = part === 'key' ? strings.key : strings.columns.value;
    return html`<fieldset>
      <legend>${heading}</legend>
      ${fields.map((field, at) => this.renderField(part, field, at, heading))}
    </fieldset>`;
  }

  private renderField(part: 'key' | 'value', field: Leaf, at: number, heading: string): TemplateResult {
    const place: Place = `${part} ${at}`;
    const id = place.replace(' ', '-');
    const label = field.path === '' ? heading : field.path;
    const text = this.textAt(place, field);
    const choices = choicesOf(field);
    const change = (event: Event): void => {
      this.typed = new Map(this.typed).set(place, (event.target as HTMLInputElement).value);
      this.wrong = undefined;
    };
    const invalid = this.wrong?.place === place ? 'true' : 'false';
    const input =
      choices.length === 0
        ? html`<input id=${id} spellcheck="false" autocomplete="off" aria-invalid=${invalid}
            placeholder=${this.placeholderAt(part, field)} .value=${text} @input=${change} />`
        : html`<span class="select"><select id=${id} @change=${change}>
            ${[...new Set([...choices, ...(text === '' ? [] : [text])])].map(
              (choice) => html`<option value=${choice} .selected=${choice === text}>${choice}</option>`,
            )}
          </select></span>`;
    return html`<label for=${id}>${label}</label>${input}`;
  }

  private renderCpus(model: MapModel): TemplateResult {
    return html`<fieldset>
      <legend>${strings.cpus}</legend>
      <label for="cpus">${strings.cpus}</label>
      <span class="select"><select id="cpus" @change=${(event: Event) => {
        const { value } = event.target as HTMLSelectElement;
        this.slotOf = value === '' ? undefined : Number(value);
      }}>
        <option value="" .selected=${this.slotOf === undefined}>${strings.allCpus}</option>
        ${model.schema.possibleCpus.map(
          (cpu, slot) =>
            html`<option value=${slot} .selected=${slot === this.slotOf}>${fill(strings.cpu, { cpu })}</option>`,
        )}
      </select></span>
    </fieldset>`;
  }

  private textAt(place: Place, field: Leaf): string {
    const typed = this.typed.get(place);
    const now = this.row?.reading?.now;
    if (typed !== undefined || now === undefined || this.model === undefined || place.startsWith('key'))
      return typed ?? '';
    const { slots, slot } = this.model;
    if (this.slotOf !== undefined) return editableText(field, now, now.base + this.slotOf * slot);
    const texts = new Set(Array.from({ length: slots }, (_, at) => editableText(field, now, now.base + at * slot)));
    const [only = ''] = texts;
    return texts.size === 1 ? only : '';
  }

  private placeholderAt(part: 'key' | 'value', field: Leaf): string {
    if (part === 'key' && this.model !== undefined && prefixKeyOf(this.model.schema) !== undefined) return '10.0.0.0/8';
    return part === 'value' && this.row !== undefined && this.slotOf === undefined && (this.model?.slots ?? 1) > 1
      ? strings.differs
      : placeholderOf(field);
  }

  private readonly onSubmit = (event: Event): void => {
    event.preventDefault();
    const { model } = this;
    if (model === undefined) return;
    // Nothing was typed: nothing is to be set.
    if (this.row !== undefined && this.typed.size === 0) return this.cancel();
    this.wrong = undefined;
    try {
      const detail = this.requestOf(model);
      this.dispatchEvent(new CustomEvent<SetRequest>('save', { detail }));
    } catch (error) {
      this.wrong = { place: this.wrongPlace, text: error instanceof Error ? error.message : String(error) };
    }
  };

  /** The field that was written last when writing failed. */
  private wrongPlace: Place | undefined;

  private requestOf(model: MapModel): SetRequest {
    const { row, slotOf } = this;
    this.wrongPlace = 'key 0';
    const key =
      row === undefined
        ? keyFrom(
            model,
            model.keyFields.map((_, at) => this.typed.get(`key ${at}`) ?? ''),
            prefixKeyOf(model.schema),
          )
        : keyOf(model, row);
    const slots = slotOf === undefined ? Array.from({ length: model.slots }, (_, slot) => slot) : [slotOf];
    const { value, mask } = typedValue(model.stride, (bytes) =>
      model.valueFields.forEach((field, at) => {
        const place: Place = `value ${at}`;
        const text = this.typed.get(place);
        this.wrongPlace = place;
        if (text !== undefined) for (const slot of slots) writeLeaf(field, bytes, slot * model.slot, text);
      }),
    );
    const cpu = slotOf === undefined ? undefined : model.schema.possibleCpus[slotOf];
    const isArray = model.schema.type.endsWith('array');
    return {
      key,
      value,
      ...(cpu === undefined ? {} : { cpus: [cpu] }),
      // Of a new entry the whole value is meant.
      ...(row === undefined ? {} : { mask, ...expectedOf(model) }),
      ...(row === undefined && !isArray && model.schema.keySize > 0 ? { expect: 'new' } : {}),
    };
  }

  private readonly cancel = (): void => {
    this.dispatchEvent(new CustomEvent('cancel'));
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      this.cancel();
    }
  };
}
