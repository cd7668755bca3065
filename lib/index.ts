// What a user imports. On Node it is the entry for Node.

export * from './node.ts';
