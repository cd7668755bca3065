// The entry of the package that is made for the runtime that runs this: `millrace` resolves to it everywhere but in Deno.

/** @type {typeof import('millrace')} */
export const own = await import('Deno' in globalThis ? 'millrace/deno' : 'millrace');
