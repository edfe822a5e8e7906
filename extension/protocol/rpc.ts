import * as v from 'valibot';

/** One value defines a method: what goes in and what comes out. Both sides derive their types from it. */
export interface Method<P extends v.GenericSchema, R extends v.GenericSchema> {
  readonly params: P;
  readonly result: R;
}

export function method<P extends v.GenericSchema, R extends v.GenericSchema>(params: P, result: R): Method<P, R> {
  return { params, result };
}

// biome-ignore format: one idea a line
export type Contract = Readonly<Record<string, Method<v.GenericSchema, v.GenericSchema>>>;
export type ParamsOf<C extends Contract, M extends keyof C> = v.InferOutput<C[M]['params']>;
export type ResultOf<C extends Contract, M extends keyof C> = v.InferOutput<C[M]['result']>;

/** A server side: a missing handler or a wrong field does not compile. */
export type Handlers<C extends Contract> = {
  readonly [M in keyof C]: (params: ParamsOf<C, M>) => ResultOf<C, M> | Promise<ResultOf<C, M>>;
};

/** A client side. */
export type Calls<C extends Contract> = <M extends keyof C & string>(
  method: M,
  params: ParamsOf<C, M>,
) => Promise<ResultOf<C, M>>;

export const bytes = v.instance(Uint8Array<ArrayBufferLike>);
export const u32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff));

/** An error as it crosses a process boundary; `code` is one of core/errors.ts. */
export const ErrorData = v.object({
  code: v.string(),
  message: v.string(),
  fix: v.optional(v.string()),
  details: v.optional(
    v.record(
      v.string(),
      v.union([v.string(), v.number(), v.boolean(), v.null(), v.pipe(v.array(v.string()), v.readonly())]),
    ),
  ),
});
