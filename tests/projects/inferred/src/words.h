#define GREETING "inferred"
