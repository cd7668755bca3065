// Defects of the engine that the model has found and that are not mended yet: it goes around them, so that it finds others. None is how it should be; who
// mends one deletes its entry and what asks for it.

export const known = {
  /** A streamed message that is being read while its session discards what comes (a cancel, the handler's end) ends like a whole one. */
  cutShortLikeWhole: true,
  /** A job that is cancelled while it sends a streamed message never says so to its peer, and never settles. */
  cancelWhileStreaming: true,
  /** A handler that throws behind a close of its own fails the job, and the CloseInfo does not tell. */
  lateHandlerError: true,
};
