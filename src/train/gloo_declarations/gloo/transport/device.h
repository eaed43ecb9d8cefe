// Only for UnboundBuffer; see context.h.
#pragma once
#include <gloo/context.h>
