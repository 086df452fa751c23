/** Looks at the pages of two stages in a browser, over real orders, and takes the pictures of the README. */

import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { build, preview } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { browser, Leftovers, run, start } from "./programs";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const SHOTS = process.env.SCREENSHOTS; // a folder: where pictures are kept
const STAGES = ["03", "09"];
const REPORTS = 8;

interface Manifest {
  named: Record<string, string>;
  expected: { report: string; who: string | null; range: string; rows: Record<string, string | number>[] }[];
}

const leftovers = new Leftovers();
let page: Page;
let site: string;
let manifest: Manifest;

beforeAll(async () => {
  const folder = await leftovers.folder();
  const data = path.join(folder, "orders");
  run("study.generator", "--size", "S", "--out", data);
  manifest = JSON.parse(readFileSync(path.join(data, "manifest.json"), "utf-8")) as Manifest;
  const mongodb = await start(
    leftovers,
    "study",
    "server",
    "mongodb",
    "--state",
    path.join(folder, "mongodb"),
  );
  const backends: Record<string, string> = { "05": "http://127.0.0.1:9" };
  for (const [stage, database] of [
    ["03", path.join(folder, "03.sqlite3")],
    ["09", `${mongodb.url}`],
  ] as const) {
    run("study", "import", stage, "--data", data, "--database", database);
    const { url } = await start(
      leftovers,
      "study",
      "serve",
      stage,
      "--data",
      data,
      "--database",
      database,
      "--port",
      "0",
    );
    backends[stage] = url;
  }
  const outDir = path.join(folder, "site");
  await build({ root: HERE, logLevel: "warn", build: { outDir, emptyOutDir: true } });
  await writeFile(path.join(outDir, "backends.json"), JSON.stringify(backends));
  const server = await preview({
    root: HERE,
    logLevel: "warn",
    build: { outDir },
    preview: { port: 0, host: "127.0.0.1" },
  });
  leftovers.add(() => server.close());
  site = server.resolvedUrls?.local[0] ?? server.resolvedUrls?.network[0] ?? "";
  const opened: Browser = await browser(leftovers);
  page = await opened.newPage({ viewport: { width: 1280, height: 800 } });
});

afterAll(() => leftovers.clear());

async function look(search: string, picture?: string, dark = false): Promise<void> {
  await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
  await page.goto(`${site}${search}`);
  if (!search.includes("page=stages") && !search.includes("stage=05")) {
    await page
      .locator(".times")
      .nth(REPORTS - 1)
      .waitFor();
  }
  if (SHOTS && picture) await page.screenshot({ path: path.join(SHOTS, picture), fullPage: true });
}

/** What a report of the largest tenant's last week has to say: name and number, in the order of the answer. */
function expected(report: string, name: string, number: string): string[] {
  const found = manifest.expected.find(
    (each) => each.report === report && (each.who === "largest" || each.who === null) && each.range === "7d",
  );
  return found?.rows.map((row) => `${row[name]} ${Number(row[number]).toLocaleString("en")}`) ?? [];
}

/** Name and number of each row of a table, or of a table below a chart. */
async function shown(report: string, column: number): Promise<string[]> {
  const rows = page.locator(`[data-report="${report}"] tbody tr`);
  return rows.evaluateAll(
    (found, at) => found.map((row) => `${row.children[0]?.textContent} ${row.children[at]?.textContent}`),
    column,
  );
}

test.each(STAGES)("stage %s shows what the manifest expects", async (stage) => {
  const tenant = manifest.named.largest;
  await look(`?stage=${stage}&tenant=${tenant}`, stage === "03" ? "stage-03.png" : undefined);
  expect(await shown("states", 1)).toEqual(expected("states", "state", "orders"));
  const days = (await shown("days", 1)).filter((day) => !day.endsWith(" 0"));
  expect(days).toEqual(expected("days", "day", "orders"));
  expect(await shown("sizes", 1)).toEqual(expected("sizes", "units", "orders"));
  expect(await shown("items", 2)).toEqual(expected("items", "item_id", "units"));
  const league = expected("league", "tenant", "orders").map((row) => row.slice(0, 8) + row.slice(36));
  expect(await shown("league", 2)).toEqual(league);
  expect(await page.locator(".failed").count()).toBe(0);
});

test("dark pages are dark", async () => {
  await look(`?stage=09&tenant=${manifest.named.largest}`, "stage-09-dark.png", true);
  const colour = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  expect(colour).toBe("rgb(16, 22, 28)");
});

test("the stages are compared without any of them", async () => {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await look("?page=stages", "stages.png");
  expect(await page.locator("svg.chart").count()).toBe(3);
  expect(asked.filter((url) => !url.startsWith(site))).toEqual([]);
});

test("a stage that does not run says so", async () => {
  await look("?stage=05");
  await page.getByRole("alert").waitFor();
  expect(await page.getByRole("alert").textContent()).toContain("Stage 05-postgresql-tuned is not running");
});

test("a keyboard is enough", async () => {
  await look("?stage=03");
  await page.getByLabel("Stage").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Shift+Tab");
  expect(await page.evaluate(() => document.activeElement?.closest("label")?.textContent)).toContain(
    "Tenant",
  );
  await page.keyboard.press("ArrowDown");
  await page.waitForURL(/tenant=/);
  await page.goBack();
  await page.waitForURL((url) => !url.search.includes("tenant="));
});
