/** How questions are kept and repeated: never behind the reader's back, since every answer shows what it took. */

import { QueryClient } from "@tanstack/react-query";

export const newClient = () =>
  new QueryClient({
    defaultOptions: {
      queries: { retry: false, refetchOnWindowFocus: false, staleTime: 30_000, networkMode: "always" },
    },
  });
