/* Linked with the whole of one layer and all below it: fails when a layer calls upwards. */
int main(void)
{
	return 0;
}
