//! What a platform's world, which its tests are about, has in common with the others.

/// A platform's world is used as the host in it.
macro_rules! stands_on_its_host {
    ($world:ty) => {
        impl std::ops::Deref for $world {
            type Target = $crate::host::Host;

            fn deref(&self) -> &Self::Target {
                &self.host
            }
        }

        impl std::ops::DerefMut for $world {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.host
            }
        }
    };
}
