import * as vscode from 'vscode';
import { fromErrorData } from '../../../core/errors.ts';
import { Lookout } from '../../../session/interfaces/lookout.ts';
import type { KeptProgram } from '../../../session/attach/kept.ts';
import type { Survey } from '../../../session/interfaces/survey.ts';
import { views } from '../../ids.ts';
import type { Services } from '../../services.ts';
import { itemOf, type Rates, rateText } from './items.ts';
import { childrenOf, type Node, nodeId, rootsOf } from './nodes.ts';

/** A view that comes back soon need not start anew. */
const graceMs = 3000;

/**
 * The tree of namespaces, interfaces, modes, warnings and what is attached. It looks only while it is visible: with
 * privilege where that asks nobody (root), else as an ordinary user until the user wants more.
 */
export class InterfacesView implements vscode.TreeDataProvider<Node> {
  readonly #services: Services;
  readonly #lookout: Lookout;
  readonly #changed = new vscode.EventEmitter<Node[] | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  /** What the tree has, by its id: to draw parts of it again. */
  #drawn = new Map<string, Node>();
  #survey: Survey | undefined;
  #rates: Rates = new Map();
  /** What earlier sessions kept, also where nobody looks. */
  #kept: KeptProgram[] = [];
  #visible = false;
  #closing: NodeJS.Timeout | undefined;

  constructor(services: Services) {
    this.#services = services;
    this.#lookout = new Lookout(services.kernel, services.look);
  }

  register(): vscode.Disposable {
    const view = vscode.window.createTreeView(views.interfaces, { treeDataProvider: this, showCollapseAll: true });
    const subscriptions = [
      this.#lookout.onDidChange((state) => this.#draw(state)),
      this.#services.attachments.onDidChange(({ kind }) => {
        if (kind === 'counting') return;
        this.#changed.fire(undefined);
        // A helper in another namespace may have come: with it that namespace can be looked into.
        void this.#lookout.refresh();
      }),
    ];
    this.#show(view.visible);
    const keptChanged = (): void => {
      if (view.visible) void this.#lookForKept();
    };
    return vscode.Disposable.from(
      this.#changed,
      view,
      view.onDidChangeVisibility(({ visible }) => this.#show(visible)),
      // Another window, or xdp in a terminal, may have kept or ended something meanwhile.
      vscode.window.onDidChangeWindowState(({ focused }) => focused && keptChanged()),
      this.#services.attachments.onDidChangeKept(() => {
        keptChanged();
        void this.#lookout.refresh();
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#show(view.visible)),
      new vscode.Disposable(() => {
        clearTimeout(this.#closing);
        for (const each of subscriptions) each.dispose();
        void this.#lookout.close();
      }),
    );
  }

  /** With privilege, which may ask for a password, as long as the view stays visible. */
  async lookAround(): Promise<void> {
    await vscode.commands.executeCommand(`${views.interfaces}.focus`);
    await this.#lookout.open('privileged');
    const { state } = this.#lookout;
    if (state.kind !== 'failed') return;
    // A password that was not given: what everybody may see is better than nothing.
    await this.#lookout.open('plain');
    throw fromErrorData(state.error);
  }

  async refresh(): Promise<void> {
    if (this.#lookout.state.kind === 'open') await this.#lookout.refresh();
    else this.#show(this.#visible);
  }

  #show(visible: boolean): void {
    this.#visible = visible;
    clearTimeout(this.#closing);
    if (!visible || !vscode.workspace.isTrusted) {
      this.#closing = setTimeout(() => void this.#lookout.close(), graceMs);
      return;
    }
    void this.#lookForKept();
    const { state } = this.#lookout;
    if (state.kind === 'open' || state.kind === 'opening') return;
    void this.#lookout.open(process.getuid?.() === 0 ? 'privileged' : 'plain');
  }

  async #lookForKept(): Promise<void> {
    try {
      this.#kept = await this.#services.attachments.kept();
      this.#changed.fire(undefined);
    } catch (error) {
      this.#services.log.warn(`What is kept attached could not be looked up: ${String(error)}`);
    }
  }

  /** What is seen now, for commands that need more than one node. */
  get survey(): Survey | undefined {
    const { state } = this.#lookout;
    return state.kind === 'open' ? state.survey : undefined;
  }

  /** Rates change every second: then only programs are drawn again. */
  #draw(state: Lookout['state']): void {
    const survey = state.kind === 'open' ? state.survey : undefined;
    const same = survey !== undefined && survey === this.#survey;
    this.#survey = survey;
    // An empty tree would show its welcome for the moment until the first look.
    if (state.kind === 'opening') return;
    const before = this.#rates;
    this.#rates = state.kind === 'open' ? state.rates : new Map();
    if (!same) return this.#changed.fire(undefined);
    const moved = [...this.#drawn.values()].filter((node) => {
      if (node.kind !== 'program' && node.kind !== 'behind') return false;
      const { progId } = node.program;
      return rateText(this.#rates.get(progId)) !== rateText(before.get(progId));
    });
    if (moved.length > 0) this.#changed.fire(moved);
  }

  getChildren(node?: Node): Node[] {
    const { live } = this.#services.attachments;
    if (node === undefined) this.#drawn = new Map();
    const nodes = node === undefined ? rootsOf(this.#lookout.state, live, this.#kept) : childrenOf(node, live);
    for (const each of nodes) this.#drawn.set(nodeId(each), each);
    return nodes;
  }

  getTreeItem(node: Node): vscode.TreeItem {
    return itemOf(node, this.#rates);
  }
}
