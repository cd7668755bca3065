// What is different between two texts, line by line.

/** The lines that are only in `before` ("- …") and those that are only in `after` ("+ …"), in their order; what both have is left out. */
export function changedLines(before: string, after: string): string[] {
  const left = linesOf(before);
  const right = linesOf(after);
  // The length of the longest common subsequence of left[i..] and right[j..].
  const common: Uint32Array[] = Array.from({ length: left.length + 1 }, () => new Uint32Array(right.length + 1));
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0;
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      (common[i] as Uint32Array)[j] =
        left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const changes: string[] = [];
  for (let i = 0, j = 0; i < left.length || j < right.length; ) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      i++;
      j++;
    } else if (i < left.length && at(i + 1, j) >= at(i, j + 1)) changes.push(`- ${left[i++]}`);
    else if (j < right.length) changes.push(`+ ${right[j++]}`);
    else changes.push(`- ${left[i++]}`);
  }
  return changes;
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}
