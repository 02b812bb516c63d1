// The target that owns the precompiled headers of the tests has to compile something.
#include "precompiled.h"
