"""The Graph: series that subgraphs compute from blockchains, asked in GraphQL."""
