import { XdpError } from '../../core/errors.ts';
import type { BpfObject } from '../../session/bpfObject.ts';
import type { StepOutcome, TestEngine, TestInstance, TestRequest } from '../../session/packetTest/engine.ts';

export interface EngineObserver {
  /** A source was compiled, and is about to be loaded. */
  onOpen(object: BpfObject): void;
  /** The verifier refused a program. */
  onRejected(program: string, log: string): void;
  /** What the packets of one test printed. */
  onPrintk(printk: StepOutcome['printk']): void;
}

/** An engine that tells what reports do not hold: what is printed, warnings of the compiler, the verifier's whole log. */
export function observedEngine(engine: TestEngine, observer: EngineObserver): TestEngine {
  return {
    interfaceIndex: (name) => engine.interfaceIndex(name),
    async open(object, program) {
      observer.onOpen(object);
      try {
        return observedInstance(await engine.open(object, program), printsText(object.elf), observer);
      } catch (error) {
        const log = error instanceof XdpError && error.code === 'program-rejected' ? error.details['log'] : undefined;
        if (typeof log === 'string') observer.onRejected(program, log);
        throw error;
      }
    },
  };
}

function observedInstance(instance: TestInstance, prints: boolean, observer: EngineObserver): TestInstance {
  return {
    get schemas() {
      return instance.schemas;
    },
    initialValue: (map, key) => instance.initialValue(map, key),
    close: () => instance.close(),
    async runTest(request: TestRequest): Promise<StepOutcome[]> {
      const capturePrintk = request.capturePrintk || prints;
      const outcomes = await instance.runTest({ ...request, capturePrintk });
      if (capturePrintk) for (const { printk } of outcomes) observer.onPrintk(printk);
      return outcomes;
    },
  };
}

/** BPF_CALL of the helpers bpf_trace_printk (6) and bpf_trace_vprintk (177): uapi/linux/bpf.h. Listening costs time. */
const printkCalls = [6, 177].map((helper) => Buffer.from([0x85, 0, 0, 0, helper, 0, 0, 0]));

function printsText(elf: Uint8Array): boolean {
  const bytes = Buffer.from(elf.buffer, elf.byteOffset, elf.byteLength);
  return printkCalls.some((call) => bytes.includes(call));
}
