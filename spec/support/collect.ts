/** Pipes the chunks through the transform and gives all that comes out; rejects with what the stream errors with. */
export async function collect<I, O>(transform: ReadableWritablePair<O, I>, chunks: Iterable<I>): Promise<O[]> {
  const writer = transform.writable.getWriter();
  writer.closed.catch(() => {});
  const write = (async () => {
    for (const chunk of chunks) await writer.write(chunk);
    await writer.close();
  })();
  write.catch(() => {});
  const out: O[] = [];
  const reader = transform.readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    out.push(value);
  }
  await write;
  return out;
}
