/** Every id that package.json and the code share, typed once; test/unit/manifest.test.ts holds the manifest to it. */
export const commands = {
  getStarted: 'xdp.getStarted',
  practice: 'xdp.practice',
  newProject: 'xdp.newProject',
  exportBpfman: 'xdp.exportBpfman',
  compile: 'xdp.compile',
  verify: 'xdp.verify',
  explainLog: 'xdp.explainLog',
  openVerifierView: 'xdp.openVerifierView',
  openVerifierLog: 'xdp.openVerifierLog',
  showDisassembly: 'xdp.showDisassembly',
  showMachineCode: 'xdp.showMachineCode',
  showCompile: 'xdp.showCompile',
  shareFlags: 'xdp.shareFlags',
  attach: 'xdp.attach',
  detach: 'xdp.detach',
  replace: 'xdp.replace',
  toggleHotReload: 'xdp.toggleHotReload',
  confirmAttachment: 'xdp.confirmAttachment',
  keepAttached: 'xdp.keepAttached',
  adopt: 'xdp.adopt',
  startLab: 'xdp.startLab',
  stopLab: 'xdp.stopLab',
  goToSource: 'xdp.goToSource',
  attachPassToPeer: 'xdp.attachPassToPeer',
  lookAround: 'xdp.lookAround',
  refreshInterfaces: 'xdp.refreshInterfaces',
  runPacket: 'xdp.runPacket',
  debug: 'xdp.debug',
  generatePackets: 'xdp.generatePackets',
  checkTests: 'xdp.checkTests',
  showStory: 'xdp.showStory',
  clearStory: 'xdp.clearStory',
  openPacketTests: 'xdp.openPacketTests',
  openPacketTestsAsText: 'xdp.openPacketTestsAsText',
  openMapViewer: 'xdp.openMapViewer',
  openMap: 'xdp.openMap',
  restartHelper: 'xdp.restartHelper',
  showPrintk: 'xdp.showPrintk',
  showLog: 'xdp.showLog',
} as const;

export const views = { container: 'xdp', interfaces: 'xdp.interfaces', maps: 'xdp.maps' } as const;

/** Editor tabs. */
export const panels = { map: 'xdp.map' } as const;

/** The custom editor of `*.xdptest.json`. */
export const packetTestEditor = 'xdp.packetTests';

export const settings = {
  elevation: 'xdp.elevation',
  clangPath: 'xdp.clang.path',
  nodePath: 'xdp.helper.nodePath',
  includePath: 'xdp.compile.includePath',
  vmlinux: 'xdp.compile.vmlinux',
  verifyOnSave: 'xdp.verify.onSave',
  targetKernel: 'xdp.targetKernel',
  guardSeconds: 'xdp.attach.guardSeconds',
  hotReload: 'xdp.attach.hotReload',
  storyAfterRun: 'xdp.run.showStory',
} as const;

/**
 * `web`: VS Code is a page without a machine behind it. `noKernel`: nothing can be loaded, since this is such a page or a system that is
 * not Linux. `attached`: by this window; `guarded`: something waits to be confirmed.
 */
export const contextKeys = {
  isBpfSource: 'xdp.isBpfSource',
  storyShown: 'xdp.storyShown',
  attached: 'xdp.attached',
  guarded: 'xdp.guarded',
  noKernel: 'xdp.noKernel',
  web: 'xdp.web',
} as const;

export const taskType = 'xdp';

/** `type` of launch configurations. */
export const debugType = 'xdp';

/** As `workbench.action.openWalkthrough` takes it: the extension's id, and the walkthrough's in package.json. */
export const walkthroughId = 'vscode-xdp.vscode-xdp#xdp.firstSteps';

/** What a newcomer has really done; each checks off a step of the walkthrough (package.json: `onContext:xdp.done.…`). */
export const milestones = [
  'practice',
  'compiled',
  'proven',
  'lab',
  'attached',
  'watched',
  'mapWritten',
  'packetRun',
  'debugged',
  'tested',
  'detached',
] as const;

export type Milestone = (typeof milestones)[number];
