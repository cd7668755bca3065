// Imported before a battery of `serve`: it runs over a ListeningServer then, whose sockets are those of node:net.

import { serveOverNet } from './net-listen.ts';
import { useServe } from './serving.ts';

useServe(serveOverNet);
