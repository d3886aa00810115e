#include "harness.h"
void group_guest(void)
{
}
void group_guest_state(void)
{
}
void group_guest_signal(void)
{
}
void group_guest_route(void)
{
}
void group_guest_end(void)
{
}
void group_device(void)
{
}
void group_boot(void)
{
}
