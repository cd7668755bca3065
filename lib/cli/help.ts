// What `--help` prints.

import { defaultLimits } from '../limits.ts';
import { DEFAULT_CONNECT_SIZE } from './connect-arguments.ts';
import { DEFAULT_HOST, DEFAULT_PORT, LARGEST_SIZE } from './echo-arguments.ts';

/** What `--help` prints. */
export const help: string = `millrace, a WebSocket engine on WHATWG streams

Usage: millrace echo [flags]
       millrace connect URL [flags]

Commands:
  echo     Runs a server that sends every message back, on any path. Prints
           "listening on ws://HOST:PORT" when it is ready. SIGINT (Ctrl-C) and
           SIGTERM stop it: open connections are closed with 1001.
  connect  Connects to a server: ws:, wss:, http:, https:, or
           ws+unix:/path/of.sock:/resource. Each line of standard input is sent
           as a text message. Messages are written to standard output, each
           with a line feed behind it; of a binary one a line that tells its
           length and its first bytes. At the end of the input it closes, and
           waits for the peer to close too. On a terminal it asks for lines,
           and Ctrl-D ends. SIGINT (Ctrl-C) and SIGTERM close with 1001.

Flags of echo:
  --port PORT               The port to listen on, 0 to 65535.
                            0 takes a free one. Default: ${DEFAULT_PORT}
  --host HOST               The address or name to listen on.
                            Default: ${DEFAULT_HOST}
  --max-message-size BYTES  The longest message to take, 1 to ${LARGEST_SIZE}
                            (1 GiB). A longer one closes its connection with
                            1009. Default: ${defaultLimits.maxMessageSize} (1 MiB)
  --allow-origin PATTERN    Admits the pages of an origin: a * stands for one
                            label or the port (https://*.example.com), or
                            alone for all. May be repeated.
                            Default: only the server's own pages.
  --deflate                 Compresses messages (permessage-deflate) where
                            the peer offers it. Default: no.

Flags of connect:
  --binary                  Sends standard input as binary messages, as it
                            comes, and writes binary messages as they are, with
                            nothing behind them (not on a terminal).
  -H, --header 'NAME: VALUE'
                            Adds a header field to the request. May be
                            repeated.
  --subprotocol NAME        Offers a subprotocol. May be repeated, the most
                            preferred first.
  --origin ORIGIN           Says where the request comes from, as browsers do.
  --deflate                 Offers to compress messages (permessage-deflate).
  --proxy URL               Connects through a proxy. The word environment
                            takes what HTTP_PROXY, HTTPS_PROXY and NO_PROXY
                            say.
  --ca FILE                 Trusts the certificates in FILE (PEM), no others.
  --insecure                Trusts any certificate: whoever stands in between
                            can read and change everything.
  --max-redirects COUNT     Follows so many redirects. Default: 0
  --max-message-size BYTES  The longest message to take and the longest line to
                            send, 1 to ${LARGEST_SIZE} (1 GiB).
                            Default: ${DEFAULT_CONNECT_SIZE} (64 MiB)
  --wait SECONDS            Goes on receiving for so long after the end of the
                            input. Default: 0
  --keep-open               Goes on receiving after the end of the input until
                            the peer closes.
  --ping SECONDS            Sends a ping so often, and tells the round trips.
  --close-code CODE         What to close with at the end of the input: 1000 to
                            1003, 1007 to 1014, 3000 to 4999. Default: 1000
  --close-reason TEXT       The reason to close with, at most 123 bytes.
  -q, --quiet               Tells nothing on standard error but errors.

Flags of all:
  -h, --help                Prints this help.
  --version                 Prints the version.

Exit codes of echo: 0 stopped, 1 cannot listen, 2 the command line is wrong. A
second signal while it stops ends it at once, with 128 and the signal's number.

Exit codes of connect: 0 closed well (with 1000, without a code, or by this
side), 1 could not connect, or the connection failed, or the input or output
did, 2 the command line is wrong, 3 closed by the peer with another code. A
signal before there is a connection, or a second one, ends it at once, with 128
and the signal's number. Colours are for terminals, and not where NO_COLOR is
set.`;
