// Defects of the engine that the model has found and that are not mended yet: it goes around them, so that it finds others. None is how it should be; who
// mends one deletes its entry and what asks for it.

export const known = {
  /** Messages that are thrown away in the queue of a readable that is cancelled are not counted as abandoned. */
  cancelledUncounted: true,
};
