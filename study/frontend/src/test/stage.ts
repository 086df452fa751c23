/** An HTTP server that answers as a stage does, with given rows: what the page does with answers is tested over the wire. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { Info } from "../api";

export const INFO: Info = {
  stage: "03-sqlite-indexes",
  size: "S",
  seed: 1,
  first_day: "2026-06-21",
  end: "2026-07-01",
  named: { client: "client-id", largest: "largest-id" },
  tenants: [
    { id: "client-id", group: "client", orders: 2500, facilities: ["F01", "F02"] },
    { id: "largest-id", group: "floor", orders: 5000, facilities: ["F01"] },
  ],
};

const TIMING = { request_ms: 4, database_ms: 3, calls: 1, rows: 7 };

export interface Reply {
  status?: number;
  body: unknown;
}

/** The base URL. Without a reply of its own a route answers with no rows. */
export async function serve(replies: (url: URL) => Reply | undefined): Promise<string> {
  const server = createServer((request, response) => {
    if (request.method === "OPTIONS") {
      // A browser does not ask before a plain GET; happy-dom does.
      response.writeHead(204, { "access-control-allow-origin": "*", "access-control-allow-headers": "*" });
      response.end();
      return;
    }
    const url = new URL(request.url ?? "/", "http://stage");
    const usual = url.pathname === "/info" ? INFO : { rows: [], timing: TIMING };
    const { status = 200, body } = replies(url) ?? { body: usual };
    response.writeHead(status, { "content-type": "application/json", "access-control-allow-origin": "*" });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export const rows = (...found: object[]): Reply => ({ body: { rows: found, timing: TIMING } });
