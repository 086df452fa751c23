import { QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import { App } from "./App";
import { newClient } from "./client";
import { rows, serve } from "./test/stage";

const DAYS = rows({ day: "2026-06-30", orders: 12, units: 30 });

function show(search: string, backends: Record<string, string>) {
  window.history.replaceState(null, "", `/${search}`);
  const client = newClient();
  client.setQueryData(["backends"], backends);
  render(
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>,
  );
}

const card = (report: string) => {
  const found = document.querySelector<HTMLElement>(`[data-report="${report}"]`);
  if (!found) throw new Error(`there is no card ${report}`);
  return within(found);
};

beforeEach(() => window.history.replaceState(null, "", "/"));

test("an answer is drawn, with the time it took and the database's part", async () => {
  const base = await serve((url) => (url.pathname === "/reports/days" ? DAYS : undefined));
  show("?stage=03", { "03": base });
  await screen.findByRole("img", { name: "Orders and units on each of 7 days" });
  expect(card("days").getByText("4 ms · database 3 ms · 7 rows in 1 call")).toBeTruthy();
  expect(card("days").getByRole("img", { name: /of which database 3 ms \(75 %\)/ })).toBeTruthy();
});

test("no rows are said to be none", async () => {
  show("?stage=03", { "03": await serve(() => undefined) });
  await screen.findByText("Facility floor: F01, 2026-06-30, by the minute");
  await waitFor(() => expect(card("states").getByText("No orders in this range.")).toBeTruthy());
});

test("one report that fails says why, can be tried again, and leaves the others alone", async () => {
  let isDown = true;
  const base = await serve((url) => {
    if (url.pathname === "/reports/days") return DAYS;
    if (url.pathname === "/reports/states" && isDown) {
      return { status: 503, body: { error: "the database does not answer" } };
    }
    return undefined;
  });
  show("?stage=03", { "03": base });
  await screen.findByText("the database does not answer");
  await waitFor(() => expect(card("days").getByRole("img", { name: /7 days/ })).toBeTruthy());
  isDown = false;
  await userEvent.click(card("states").getByRole("button", { name: "Try again" }));
  await waitFor(() => expect(card("states").getByText("No orders in this range.")).toBeTruthy());
});

test("a stage that does not run says how it is started", async () => {
  show("?stage=05", { "05": "http://127.0.0.1:9" });
  const told = await screen.findByRole("alert");
  expect(within(told).getByRole("heading").textContent).toBe("Stage 05-postgresql-tuned is not running");
  expect(told.textContent).toContain("python -m study serve 05 --data data/S --port 9");
  expect(told.textContent).toContain("needs a server");
});

test("a range that makes no sense is not asked for", async () => {
  const asked: string[] = [];
  const base = await serve((url) => {
    asked.push(url.pathname);
    return undefined;
  });
  show("?stage=03&from=2026-07-01&to=2026-06-01", { "03": base });
  expect((await screen.findByRole("alert")).textContent).toContain("2026-07-01 is not before 2026-06-01");
  expect(asked).toEqual(["/info"]);
});

test("what is chosen is in the URL, and back takes it back", async () => {
  const base = await serve(() => undefined);
  show("?stage=03", { "03": base, "09": "http://127.0.0.1:9" });
  await userEvent.selectOptions(await screen.findByLabelText("Tenant"), "largest-id");
  expect(window.location.search).toBe("?stage=03&tenant=largest-id");
  await userEvent.selectOptions(screen.getByLabelText("Stage"), "09");
  expect(window.location.search).toBe("?stage=09&tenant=largest-id");
  await userEvent.click(screen.getByRole("link", { name: "The stages compared" }));
  expect(window.location.search).toContain("page=stages");
  expect(screen.getByRole("link", { name: "The stages compared" }).getAttribute("aria-current")).toBe("page");
  window.history.back();
  await waitFor(() => expect(screen.getByLabelText<HTMLSelectElement>("Stage").value).toBe("09"));
  window.history.back();
  await waitFor(() => expect(screen.getByLabelText<HTMLSelectElement>("Stage").value).toBe("03"));
  expect((await screen.findByLabelText<HTMLSelectElement>("Tenant")).value).toBe("largest-id");
});

test("another stage at the port is not taken for the one that was chosen", async () => {
  show("?stage=05", { "05": await serve(() => undefined) });
  expect((await screen.findByRole("alert")).textContent).toContain("answers 03-sqlite-indexes.");
  expect(document.querySelector(".card[data-report]")).toBeNull();
});

test("a tenant that this stage does not have is said to be missing", async () => {
  show("?stage=03&tenant=gone", { "03": await serve(() => undefined) });
  await screen.findByText("This stage has no tenant gone; shown is client-id.");
});

test("answers stay until one asks again", async () => {
  let asked = 0;
  const base = await serve((url) => {
    asked += url.pathname === "/reports/days" ? 1 : 0;
    return undefined;
  });
  show("?stage=03", { "03": base });
  await waitFor(() => expect(asked).toBe(1));
  await userEvent.click(await screen.findByRole("link", { name: "The stages compared" }));
  await userEvent.click(screen.getByRole("link", { name: "Reports" }));
  await screen.findByRole("button", { name: "Ask again" });
  expect(asked).toBe(1);
  await userEvent.click(screen.getByRole("button", { name: "Ask again" }));
  await waitFor(() => expect(asked).toBe(2));
});
