/** Colour by technology, dashes by the how-manieth of it: the same look in every picture of the study. */

import { type Database, type Stage, stages } from "./measured";

export const TECHNOLOGIES: { database: Database; name: string }[] = [
  { database: "sqlite", name: "SQLite" },
  { database: "postgresql", name: "PostgreSQL" },
  { database: "mongodb", name: "MongoDB" },
  { database: "kafka+mongodb", name: "Kafka and MongoDB" },
];
const DASHES = ["", "7 4", "2 4"];

export const colourOf = (stage: Stage) => TECHNOLOGIES.findIndex((each) => each.database === stage.database);

export function dashOf(stage: Stage): string | undefined {
  const same = stages.filter((each) => each.database === stage.database);
  return DASHES[same.indexOf(stage) % DASHES.length] || undefined;
}
