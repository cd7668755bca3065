// The `serve` of the specs: that of Node, unless a spec file has chosen another, so that one battery runs over every server.

import { serve as serveOverNode } from '../../lib/node.ts';

export type Serve = typeof serveOverNode;

let chosen: Serve = serveOverNode;

/** Chooses what {@link serve} is from now on, in this process. */
export function useServe(serve: unknown): void {
  chosen = serve as Serve;
}

/** Starts a server of the kind that was chosen. */
export const serve: Serve = (options, handler) => chosen(options, handler);
