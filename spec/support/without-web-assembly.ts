// Takes WebAssembly away, as a page's policy does (a Content-Security-Policy without 'wasm-unsafe-eval'): to be imported before what may compile a module.

export const refused = { tries: 0 };

Object.defineProperty(WebAssembly, 'Module', {
  value: class {
    constructor() {
      refused.tries++;
      throw new EvalError('Refused to compile: a policy forbids it');
    }
  },
});
