/** Where each stage's backend is: at port 8000 and its number, unless backends.json beside the page says otherwise. */

import { useQuery } from "@tanstack/react-query";

export type Backends = Record<string, string>;

export const backendOf = (stage: string, others: Backends) =>
  others[stage] ?? `http://127.0.0.1:${8000 + Number(stage)}`;

export function useBackends() {
  return useQuery({
    queryKey: ["backends"],
    queryFn: async ({ signal }): Promise<Backends> => {
      const response = await fetch("/backends.json", { signal });
      if (!response.ok) throw new Error(`backends.json: answered ${response.status}`);
      return (await response.json()) as Backends;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}
