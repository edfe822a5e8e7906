import { XdpError } from '../../core/errors.ts';
import type { BpfObject } from '../../session/bpfObject.ts';
import { callsHelper, printkHelpers } from '../../session/run/helperCalls.ts';
import type { TestEngine, TestInstance } from '../../session/packetTest/engine.ts';

export interface EngineObserver {
  /** A source was compiled, and is about to be loaded. */
  onOpen(object: BpfObject): void;
  /** The verifier refused a program. */
  onRejected(program: string, log: string): void;
}

/** An engine that listens to what is printed, and tells what reports do not hold: warnings of the compiler, the verifier's whole log. */
export function observedEngine(engine: TestEngine, observer: EngineObserver): TestEngine {
  return {
    interfaceIndex: (name) => engine.interfaceIndex(name),
    async open(object, program, others) {
      observer.onOpen(object);
      try {
        const instance = await engine.open(object, program, others);
        return callsHelper(object.elf, printkHelpers) ? listening(instance) : instance;
      } catch (error) {
        const log = error instanceof XdpError && error.code === 'program-rejected' ? error.details['log'] : undefined;
        if (typeof log === 'string') observer.onRejected(program, log);
        throw error;
      }
    },
  };
}

/** Hears what every test prints. Listening costs time, so only to programs that print. */
function listening(instance: TestInstance): TestInstance {
  return {
    get schemas() {
      return instance.schemas;
    },
    initialValue: (map, key) => instance.initialValue(map, key),
    runTests: (requests) => instance.runTests(requests.map((request) => ({ ...request, capturePrintk: true }))),
    close: () => instance.close(),
  };
}
