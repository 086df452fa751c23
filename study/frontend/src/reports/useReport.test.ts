import { expect, test } from "vitest";
import { inTurn } from "./useReport";

test("one backend is asked one question at a time, also after one failed", async () => {
  const done: string[] = [];
  const ask = (name: string, ms: number) => async () => {
    done.push(`${name} begins`);
    await new Promise((later) => setTimeout(later, ms));
    done.push(`${name} ends`);
    if (name === "first") throw new Error(name);
  };
  const first = inTurn("one", ask("first", 20));
  const second = inTurn("one", ask("second", 1));
  await expect(first).rejects.toThrow("first");
  await second;
  expect(done).toEqual(["first begins", "first ends", "second begins", "second ends"]);
});

test("two backends do not wait for each other", async () => {
  let release = () => {};
  const held = inTurn("slow", () => new Promise<void>((done) => (release = done)));
  await expect(inTurn("quick", async () => "here")).resolves.toBe("here");
  release();
  await held;
});
