/** A key or value as JSON. */
export type Value = number | string | boolean | null | Value[] | { [field: string]: Value };
