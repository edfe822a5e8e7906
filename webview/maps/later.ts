/** What the first rows do not need. A view loads it when they are there, so that nobody waits for it. */
import '../common/controls.ts';
import './edit/cellInput.ts';
import './edit/entryForm.ts';
import './events/eventStream.ts';
import './plot/plotPane.ts';
import './snapshots/snapshotPane.ts';
