/** Questions are asked again only when the reader says so: every answer shows what it took, and stays. */

import { QueryClient } from "@tanstack/react-query";

export const newClient = () =>
  new QueryClient({
    defaultOptions: {
      queries: {
        retry: false,
        refetchOnWindowFocus: false,
        staleTime: Number.POSITIVE_INFINITY,
        networkMode: "always",
      },
    },
  });
