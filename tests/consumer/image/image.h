// The consumer's own, of the same name as one of ours.
#pragma once
#include "base/result.h"
