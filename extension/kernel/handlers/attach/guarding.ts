import { XdpError } from '../../../core/errors.ts';
import type { kernelContract } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import type { Context } from '../context.ts';
import { describeAttachment, type StoredAttachment } from './attachments.ts';
import type { Guard, GuardPlan } from './guards.ts';

type GuardHandlers = Pick<Handlers<typeof kernelContract>, 'xdp/confirm' | 'xdp/revert'>;

export function startGuard(context: Context, handle: number, plan: GuardPlan): void {
  let left = plan.seconds;
  const tell = (state: 'counting' | 'reverted', stored: StoredAttachment): void => {
    const { iface, program } = stored;
    const restored = state === 'reverted' && plan.restores !== undefined ? { restored: plan.restores } : {};
    context.emit('attachment/guard', { attachment: handle, iface, program, state, secondsLeft: left, ...restored });
  };
  const revertNow = (): void => {
    const stored = context.attachments.get(handle);
    context.guards.end(handle);
    if (stored === undefined) return;
    try {
      plan.revert(stored);
    } catch (error) {
      context.emit('log', { level: 'warn', text: error instanceof Error ? error.message : String(error) });
    }
    tell('reverted', stored);
    context.emit('interfaces/changed', {});
  };
  const timer = setInterval(() => {
    left--;
    const stored = context.attachments.get(handle);
    if (left <= 0 || stored === undefined) revertNow();
    else tell('counting', stored);
  }, 1000);
  context.guards.add(handle, { ...plan, revertNow, stop: () => clearInterval(timer) });
  const stored = context.attachments.get(handle);
  if (stored !== undefined) tell('counting', stored);
}

export function guardHandlers(context: Context): GuardHandlers {
  return {
    'xdp/confirm': ({ attachment }) => {
      const { stored, guard } = guarded(context, attachment);
      const pin = guard.confirm(stored);
      context.guards.end(attachment);
      const { iface, program } = stored;
      context.emit('attachment/guard', { attachment, iface, program, state: 'confirmed', secondsLeft: 0 });
      return { ...describeAttachment(stored), ...(pin === undefined ? {} : { pin }) };
    },
    'xdp/revert': ({ attachment }) => {
      guarded(context, attachment).guard.revertNow();
      return {};
    },
  };
}

function guarded(context: Context, handle: number): { stored: StoredAttachment; guard: Guard } {
  const stored = context.attachments.get(handle);
  const guard = context.guards.get(handle);
  if (stored !== undefined && guard !== undefined) return { stored, guard };
  throw new XdpError(
    'nothing-attached',
    'There is no attachment that waits to be confirmed: it was reverted, or confirmed before',
    {
      fix: 'Attach again to try it once more.',
    },
  );
}
