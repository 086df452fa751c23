/** The two pages, and the way from one to the other. */

import { type Choice, format, type Page, useChoice } from "./choice";
import { StagesPage } from "./compare/StagesPage";
import { ReportsPage } from "./reports/ReportsPage";

const PAGES: { page: Page; name: string }[] = [
  { page: "reports", name: "Reports" },
  { page: "stages", name: "The stages compared" },
];

export function App() {
  const [choice, change] = useChoice();
  const page = PAGES.find((each) => each.page === choice.page);
  return (
    <>
      <title>{`${page?.name}${choice.page === "reports" ? ` of stage ${choice.stage}` : ""} – Reports, stage by stage`}</title>
      <a className="skip" href="#main">
        Skip to the reports
      </a>
      <header className="top">
        <h1>Reports, stage by stage</h1>
        <nav aria-label="Pages">
          {PAGES.map(({ page, name }) => (
            <PageLink key={page} choice={choice} page={page} name={name} change={change} />
          ))}
        </nav>
      </header>
      <main id="main">
        {choice.page === "stages" ? (
          <StagesPage choice={choice} change={change} />
        ) : (
          <ReportsPage choice={choice} change={change} />
        )}
      </main>
    </>
  );
}

interface LinkProps {
  choice: Choice;
  page: Page;
  name: string;
  change: (part: Partial<Choice>) => void;
}

/** A real link, so that it can be opened beside; a plain click stays on the page. */
function PageLink({ choice, page, name, change }: LinkProps) {
  return (
    <a
      href={format({ ...choice, page })}
      aria-current={choice.page === page ? "page" : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        change({ page });
      }}
    >
      {name}
    </a>
  );
}
